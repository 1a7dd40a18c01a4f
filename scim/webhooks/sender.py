"""Requests to receivers: to checked addresses only, bounded in time and in what is read of the answer."""

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import TracebackType

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from scim.protocol.errors import InvalidValue
from scim.webhooks.address import AddressRules, Network, Resolve, literal_of, own_networks, resolve

SECONDS = 10.0
"""From looking up the host to the end of the answer."""
MAX_ANSWER = 64 * 1024
"""Bytes that are read of an answer, and thrown away."""
MAX_KEPT = 4_096
"""Bytes of an answer that are kept for who knows what it says."""
MAX_RETRY_AFTER = 3_600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request: the status, 0 where there was none, and what kept it from one.

    `retry_after` are the seconds that the receiver asks for, None where it asks for none. `answer` is how its answer
    begins, and `description` what it says there of a token that it refuses: for its operator, and for no log.
    """

    status: int
    error: str = ""
    retry_after: float | None = None
    milliseconds: int = 0
    answer: bytes = field(default=b"", repr=False)
    description: str = field(default="", repr=False)

    @property
    def ok(self) -> bool:
        """Whether the receiver has it."""
        return 200 <= self.status < 300

    @property
    def reason(self) -> str:
        """What is wrong, for people."""
        return self.error or f"the receiver answers {self.status}"

    @property
    def told(self) -> str:
        """The same, with the receiver's own description."""
        return f"{self.reason}: {self.description}" if self.description else self.reason


class Sender:
    """Sends requests over connections of its own, which its block closes."""

    def __init__(
        self,
        rules: AddressRules,
        now: Callable[[], datetime],
        resolve_name: Resolve = resolve,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`context` says which certificates are trusted where it is not those that the machine trusts."""
        self._rules, self._now, self._resolve, self._context = rules, now, resolve_name, context
        self._own: tuple[Network, ...] = ()

    async def __aenter__(self) -> "Sender":
        self._own = await own_networks(self._resolve)
        resolver = _Checked(self._rules, self._own, self._resolve)
        # The resolver is asked for each connection, and the connection goes to what it has returned.
        connector = aiohttp.TCPConnector(
            resolver=resolver, use_dns_cache=False, ssl=self._context if self._context else True
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._session.close()

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """POST a body, of JSON unless the headers say otherwise.

        What keeps the receiver from taking it is told in the outcome, and nothing is raised.
        """
        start = time.perf_counter()
        outcome = await self._sent(url, {"content-type": "application/json", "user-agent": "scim", **headers}, body)
        spent = round((time.perf_counter() - start) * 1000)
        return replace(outcome, milliseconds=spent)

    async def _sent(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        try:
            self._rules.check_url(url)  # what is allowed may have changed since the webhook was made
            target = URL(url)
            if (literal := literal_of(target.host or "")) is not None:  # aiohttp asks no resolver for it
                self._rules.check_address(literal, literal, self._own)
            async with self._session.post(target, data=body, headers=headers, allow_redirects=False) as answer:
                return Outcome(answer.status, retry_after=self._retry_after(answer), answer=await _read(answer))
        except InvalidValue as error:
            return Outcome(0, error.detail)
        except TimeoutError:
            return Outcome(0, f"there was no answer within {SECONDS:.0f} s")
        except aiohttp.ClientConnectorCertificateError:
            return Outcome(0, "its certificate is not valid for the name, or not from an authority that is trusted")
        except aiohttp.ClientConnectorError as error:
            refused = error.os_error if isinstance(error.os_error, _Refused) else None
            return Outcome(0, str(refused) if refused else "it cannot be reached, or its name has no address")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Outcome(0, f"the connection failed ({type(error).__name__})")

    def _retry_after(self, answer: aiohttp.ClientResponse) -> float | None:
        """Return the seconds of Retry-After, up to an hour. RFC 9110 §10.2.3."""
        text = answer.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdecimal():
            return min(float(text[:9]), MAX_RETRY_AFTER)
        try:
            seconds = (parsedate_to_datetime(text) - self._now()).total_seconds() if text else None
        except (ValueError, TypeError):
            return None
        return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """Read the answer to its end, so that the connection can be used again, or as much as is read of any.

    Returns how it begins.
    """
    kept, left = b"", MAX_ANSWER
    while left > 0 and (part := await answer.content.read(left)):
        kept += part[: MAX_KEPT - len(kept)]
        left -= len(part)
    return kept


class _Refused(OSError):
    """A name leads to an address that nothing is sent to."""


class _Checked(AbstractResolver):
    """Returns the addresses of a host if a request may go to every one of them."""

    def __init__(self, rules: AddressRules, own: tuple[Network, ...], resolve_name: Resolve) -> None:
        self._rules, self._own, self._resolve = rules, own, resolve_name

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return where to connect. Raises OSError where the host has no address, or one that is refused."""
        addresses = await self._resolve(host)
        try:
            for each in addresses:
                self._rules.check_address(host, each, self._own)
        except InvalidValue as error:
            raise _Refused(error.detail) from error
        return [
            ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for each in addresses
            if family in (socket.AF_UNSPEC, socket.AF_INET6 if ":" in each else socket.AF_INET)
        ]

    async def close(self) -> None:
        return None
