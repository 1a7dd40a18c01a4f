"""Keys of the directories whose assertions are taken: fetched from where the registration says, and kept for a day."""

import asyncio
import json
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scim.protocol.errors import Unavailable

CLOUDS = {
    "public": "https://login.microsoftonline.com",
    "usgov": "https://login.microsoftonline.us",
    "china": "https://login.partner.microsoftonline.cn",
}
"""https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud"""
RENEW_SECONDS = 6 * 3600.0
SERVE_SECONDS = 24 * 3600.0
"""How much longer than RENEW_SECONDS known keys serve while their address cannot be read."""
PAUSE = 60.0
"""Seconds between two fetches of one issuer's keys."""
FETCH_SECONDS = 5.0
MAX_BYTES = 256 * 1024
MAX_KEYS = 100
MIN_RSA_BITS = 2048
MOST_KEPT = 1_000
"""Issuers whose keys a process keeps at a time."""

_log = logging.getLogger(__name__)
Fetch = Callable[[str], Awaitable[bytes]]


class FetchError(Exception):
    """The keys cannot be had; the text says why."""


@dataclass(slots=True)
class _Keys:
    """What is known of one issuer's keys: by kid, each with the algorithm that goes with it."""

    by_kid: dict[str, tuple[str, Any]] = field(default_factory=dict)
    fetched_at: float = -math.inf
    tried_at: float = -math.inf
    fetching: asyncio.Task[bool] | None = None


class Issuers:
    """The keys of Entra's directories, by cloud and tenant id; never from an address that a token names."""

    def __init__(
        self,
        clouds: Mapping[str, str] = CLOUDS,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clouds, self._fetch, self._clock = clouds, fetch or fetched, clock
        self._kept: OrderedDict[tuple[str, str], _Keys] = OrderedDict()

    def issuer(self, cloud: str, tenant: str) -> str:
        """Return the `iss` of the directory's v2 tokens."""
        return f"{self._clouds[cloud]}/{tenant}/v2.0"

    def known(self, cloud: str, tenant: str, kid: str) -> tuple[str, Any] | None:
        """Return algorithm and key if they are known already; nothing is fetched."""
        keys = self._kept.get((cloud, tenant))
        return keys.by_kid.get(kid) if keys and self._serves(keys) else None

    async def key(self, cloud: str, tenant: str, kid: str) -> tuple[str, Any] | None:
        """Return algorithm and key, fetching the keys when the kid is unknown; None when the issuer has no such key.

        Raises Unavailable when that cannot be told: the address does not answer, or was asked less than PAUSE ago
        without success.
        """
        keys = self._of(cloud, tenant)
        if self._serves(keys) and kid in keys.by_kid:
            if self._clock() - keys.fetched_at >= RENEW_SECONDS and self._may_try(keys):
                self._start(keys, cloud, tenant)
            return keys.by_kid[kid]
        if keys.fetching is not None or self._may_try(keys):
            await asyncio.shield(self._start(keys, cloud, tenant))
        if self._clock() - keys.fetched_at > PAUSE:
            raise Unavailable("The keys of the assertion's issuer cannot be read now; try again.", retry_after=60)
        return keys.by_kid.get(kid)

    def _serves(self, keys: _Keys) -> bool:
        return self._clock() - keys.fetched_at < RENEW_SECONDS + SERVE_SECONDS

    def _may_try(self, keys: _Keys) -> bool:
        return self._clock() - keys.tried_at >= PAUSE

    def _of(self, cloud: str, tenant: str) -> _Keys:
        keys = self._kept.setdefault((cloud, tenant), _Keys())
        self._kept.move_to_end((cloud, tenant))
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return keys

    def _start(self, keys: _Keys, cloud: str, tenant: str) -> asyncio.Task[bool]:
        """Return the fetch that runs, or a new one: one at a time for each issuer."""
        if keys.fetching is None or keys.fetching.done():
            keys.tried_at = self._clock()
            keys.fetching = asyncio.create_task(self._renew(keys, cloud, tenant))
            keys.fetching.add_done_callback(lambda _: setattr(keys, "fetching", None))
        return keys.fetching

    async def _renew(self, keys: _Keys, cloud: str, tenant: str) -> bool:
        address = f"{self._clouds[cloud]}/{tenant}/discovery/v2.0/keys"
        try:
            found = _read(await self._fetch(address))
        except FetchError as error:
            _log.warning("keys of an issuer cannot be read: %s", error)
            return False
        keys.by_kid, keys.fetched_at = found, self._clock()
        return True


def _read(content: bytes) -> dict[str, tuple[str, Any]]:
    """Return the keys for signatures of a JWK set that are strong enough, by kid. RFC 7517 §5."""
    from jwt import PyJWK
    from jwt.exceptions import PyJWTError

    try:
        listed = json.loads(content)["keys"]
        if not isinstance(listed, list) or len(listed) > MAX_KEYS:
            raise FetchError(f"the document has no list of up to {MAX_KEYS} keys")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FetchError(f"the document is no JWK set ({type(error).__name__})") from error
    found: dict[str, tuple[str, Any]] = {}
    for each in listed:
        if not isinstance(each, dict) or not isinstance(each.get("kid"), str) or each.get("use", "sig") != "sig":
            continue
        algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(each.get("kty")))
        if algorithm is None or each.get("alg", algorithm) != algorithm:
            continue
        try:
            key = PyJWK(each, algorithm).key
        except (PyJWTError, ValueError, TypeError):
            continue
        if algorithm == "ES256" or key.key_size >= MIN_RSA_BITS:
            found[each["kid"]] = (algorithm, key)
    return found


async def fetched(address: str) -> bytes:
    """Return what an address answers: no redirect, no proxy of the environment, MAX_BYTES at most.

    Raises FetchError.
    """
    import aiohttp

    try:
        async with (
            asyncio.timeout(FETCH_SECONDS),
            aiohttp.ClientSession(trust_env=False) as session,
            session.get(address, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise FetchError(f"{address} answers {answer.status}")
            content = b""
            while part := await answer.content.read(MAX_BYTES + 1 - len(content)):
                content += part
                if len(content) > MAX_BYTES:
                    raise FetchError(f"{address} answers more than {MAX_BYTES:,} bytes")
            return content
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise FetchError(f"{address} does not answer ({type(error).__name__})") from error
