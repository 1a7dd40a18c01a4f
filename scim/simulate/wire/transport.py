"""Requests as Entra puts them on the wire: headers, encoding, pace, and patience with 429 and 503."""

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from scim.simulate.wire.failure import DROPPED, INCOMPATIBLE, TIMEOUT, Failure
from scim.simulate.wire.measures import Measures

_CONTENT_TYPE = "application/scim+json; charset=utf-8"
_ATTEMPTS = 4
_DEFAULT_WAIT = 1.0
_PATH_SAFE = "/%:@!$&'()*+,;=~"
USER_AGENT = "scim-simulate"
"""What the endpoint's log calls the simulator. Entra may send none; nothing else tells the two apart."""
# Entra sends neither of these reliably, so an endpoint must work without them.
_NOT_SENT = ("Accept", "Accept-Encoding")


@dataclass(frozen=True, slots=True)
class Wire:
    """How to reach the endpoint: seconds for `timeout` and `max_wait`, requests a second for `rate` (0: any)."""

    tenant_url: str
    token: str
    timeout: float = 30.0
    max_wait: float = 5.0
    rate: float = 0.0

    @property
    def base(self) -> str:
        """The Tenant URL without its query (Entra's feature flags) and without a slash at the end."""
        parts = urlsplit(self.tenant_url)
        return f"{parts.scheme}://{parts.netloc}{quote(parts.path.rstrip('/'), safe=_PATH_SAFE)}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The status and text of an answer."""

    status: int
    text: str

    def document(self) -> dict[str, Any]:
        """Return the JSON object in the answer. Raises Failure when there is none."""
        try:
            document = json.loads(self.text)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Failure(INCOMPATIBLE, f"The answer is no JSON object: {self.text[:80]!r}", self.status)
        return document

    def detail(self) -> str:
        """Return the error's scimType and detail, or the start of whatever text came instead."""
        try:
            document = self.document()
        except Failure:
            return " ".join(self.text.split())[:200]
        words = [document.get("scimType"), document.get("detail")]
        return ": ".join(str(word) for word in words if word)[:500]


class Transport:
    """Sends requests to one endpoint and measures them; use it as an asynchronous context manager."""

    def __init__(self, wire: Wire) -> None:
        self.measures = Measures()
        self._wire = wire
        self._slot = 0.0
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=self._wire.timeout),
            headers={"Authorization": f"Bearer {self._wire.token}", "User-Agent": USER_AGENT},
            skip_auto_headers=_NOT_SENT,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(self, kind: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Return the answer to one request, which `kind` names in the measures; `path` is already encoded.

        429 and 503 are tried again up to three times, after Retry-After or a second, never longer than
        `max_wait`. Raises Failure for a timeout or a broken connection.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            answer, retry_after = await self._once(kind, method, path, body)
            if answer.status not in (429, 503):
                break
            self.measures.throttled += answer.status == 429
            self.measures.unavailable += answer.status == 503
            if attempt < _ATTEMPTS:
                await self._wait(min(retry_after, self._wire.max_wait))
        return answer

    async def _wait(self, seconds: float) -> None:
        self.measures.waited += seconds
        await asyncio.sleep(seconds)

    async def _once(self, kind: str, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[Answer, float]:
        if self._session is None:
            raise RuntimeError("Transport is used outside its context")
        await self._pace()
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        # GET and DELETE carry no Content-Type at all.
        headers = {} if body is None else {"Content-Type": _CONTENT_TYPE}
        url = URL(self._wire.base + path, encoded=True)
        started = time.perf_counter()
        try:
            async with self._session.request(
                method, url, data=content, headers=headers, allow_redirects=False
            ) as response:
                text = (await response.read()).decode("utf-8", "replace")
                status, answer_headers = response.status, response.headers
        except (TimeoutError, aiohttp.ClientError, ssl.SSLError, OSError, UnicodeError) as error:
            self.measures.record(kind, "none", time.perf_counter() - started)
            raise _broken(error, self._wire.timeout) from error
        self.measures.record(kind, str(status), time.perf_counter() - started)
        self._remark(text, answer_headers.get("Content-Type", ""))
        return Answer(status, text), retry_after(answer_headers.get("Retry-After"))

    def _remark(self, text: str, content_type: str) -> None:
        if text and not content_type.lower().startswith("application/scim+json"):
            self.measures.remarks[f"Content-Type {content_type or 'absent'} instead of application/scim+json"] += 1

    async def _pace(self) -> None:
        """Keep to `rate` requests a second, evenly spaced."""
        if self._wire.rate > 0:
            now = time.monotonic()
            self._slot = max(now, self._slot + 1 / self._wire.rate)
            await asyncio.sleep(self._slot - now)


def _broken(error: BaseException, timeout: float) -> Failure:
    if isinstance(error, TimeoutError):
        return Failure(TIMEOUT, f"No answer within {timeout:g} s")
    return Failure(DROPPED, str(error) or type(error).__name__)


def retry_after(header: str | None) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110 section 10.2.3), a second without one."""
    if header is None:
        return _DEFAULT_WAIT
    if header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return _DEFAULT_WAIT
    # A date without a zone is UTC, as HTTP writes it.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
