"""Tokens from Azure Key Vault: the newest versions of one secret, kept as digests and kept fresh.

What an administrator may rely on:

- The two newest versions of the secret that are enabled, begun and unexpired are valid. To rotate: add a
  version, change the client, disable the old version.
- A disabled version, or a deleted secret, is refused within the time limit while the vault answers. A new
  version is accepted at once, because an unknown token makes the service ask again.
- While the vault does not answer, the tokens known last stay valid, each until its own expiry and no longer:
  an outage stops neither the service nor an expiry, but a revocation waits until the vault answers again.
- No token is kept, logged, traced or put into an error: only its SHA-256 stays in memory.

The vault is asked for the list of versions each half time limit while requests come, and once for the value
of each version.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.keyvault.secrets import SecretProperties
from azure.keyvault.secrets.aio import SecretClient

from scim.access.auth import digest
from scim.azure.vault_client import ERRORS, VaultClient
from scim.protocol.errors import Unavailable

SECRET = "scim-token"  # noqa: S105 - the name of the secret, not its value
OPERATOR_SECRET = "scim-admin-token"  # noqa: S105 - likewise
VALID_VERSIONS = 2
TIME_LIMIT = 300.0
"""Seconds after which a version that was disabled is refused, while the vault answers."""
PAUSE = 30.0
"""Seconds between two refreshes for unknown tokens, and between two tries while the vault does not answer."""
LOAD_BUDGET = 10.0
"""Seconds that a request waits for the first answer of the vault; no try begins later either."""
REFRESH_BUDGET = 3.0
"""Seconds that a request waits for a refresh; no try begins later either."""
TRY_SECONDS = 5.0
"""One page of the list of versions, or the value of one.

A list of many pages takes as long as it takes: who waits is let go, and the reading goes on.
"""
MANY_VERSIONS = 100
"""Versions above which each refresh is slow: they come in pages of 25, and cannot be deleted one by one."""
DISABLED = "SecretDisabled"
"""The inner code of the 403 to a get of a disabled version (Azure/azure-sdk-for-js#24756)."""
FIRST_BACKOFF = 0.25
REFERENCE = "@Microsoft.KeyVault("

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Token:
    """A valid version of the secret; `expires` in seconds since 1970, infinite when it never does."""

    version: str
    expires: float
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a try failed, in words without secrets, and how many seconds the vault asks to wait."""

    reason: str
    retry_after: float = 0.0


class VaultTokens:
    """A source of tokens that keeps answering through outages of the vault.

    `vault_url` is https://NAME.vault.azure.net. Without a `credential` the managed identity with `client_id` is
    used, or without that whatever identity the environment offers (a developer's `az login`). A credential that
    is passed in stays the caller's to close. `clock` counts seconds, `now` seconds since 1970; `options` go to
    the SecretClient.

    The client is made at the first use and again in another event loop; `close` releases it, in its own loop.
    """

    def __init__(
        self,
        vault_url: str,
        credential: AsyncTokenCredential | None = None,
        client_id: str | None = None,
        *,
        secret: str = SECRET,
        may_be_missing: bool = False,
        time_limit: float = TIME_LIMIT,
        try_seconds: float = TRY_SECONDS,
        load_budget: float = LOAD_BUDGET,
        refresh_budget: float = REFRESH_BUDGET,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        **options: Any,
    ) -> None:
        self._connect = partial(VaultClient, vault_url, client_id or "", credential, **{"retry_total": 0, **options})
        self._secret, self._time_limit, self._try_seconds = secret, time_limit, try_seconds
        self._may_be_missing = may_be_missing
        self._load_budget, self._refresh_budget = load_budget, refresh_budget
        self._clock, self._now, self._sleep = clock, now, sleep

        self._vault = self._connect()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refreshing: asyncio.Task[None] | None = None

        self._tokens: tuple[_Token, ...] | None = None
        self._digests: dict[str, bytes] = {}
        """By version, the digest of each value that was read."""
        self._refused: dict[str, str] = {}
        """By version, why its value cannot be a token."""
        self._fresh_at = -math.inf
        self._due_at = -math.inf
        self._unknown_at = -math.inf
        self._failure: _Failure | None = None
        self._failing_since = 0.0
        self._many = False

    async def digests(self) -> tuple[bytes, ...]:
        """Return the digests that are valid now, from the cache.

        Requests wait in two cases only: before the vault has ever answered (at most LOAD_BUDGET), and when the
        cache is older than the time limit, as after an idle hour (at most REFRESH_BUDGET); and not for a while after
        a failure, which is remembered for PAUSE seconds or as long as the vault says.

        Raises Unavailable when the vault has never answered yet, or holds nothing that can be a token.
        """
        stale = self._clock() - self._fresh_at >= self._time_limit
        first = self._tokens is None and self._clock() >= self._due_at
        if first or (self._tokens is not None and stale and self._failure is None):
            await self._refresh()
        elif self._tokens is not None and self._clock() >= self._due_at:
            self._start_refresh()
        return self._valid()

    async def refreshed(self) -> tuple[bytes, ...]:
        """Return the digests after the refresh that runs, or else a new one, at most one in PAUSE seconds."""
        if not self._is_refreshing() and self._clock() - self._unknown_at >= PAUSE:
            self._unknown_at = self._clock()
            self._start_refresh()
        if self._is_refreshing():
            await self._refresh()
        return self._valid()

    async def check(self) -> None:
        """Return when the vault answers and holds a valid token.

        Raises Unavailable otherwise, saying what is wrong and since when the vault does not answer.
        """
        if self._clock() >= self._due_at:
            await self._refresh()
        if self._failure is not None:
            raise self._unavailable(self._failure)
        if not self._valid() and not self._may_be_missing:
            raise Unavailable(f"No version of the secret '{self._secret}' is enabled, begun and unexpired.")

    async def close(self) -> None:
        """Stop a running refresh and release the client; a later use begins again with the tokens known."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        self._refreshing = None
        await self._vault.close()

    def _valid(self) -> tuple[bytes, ...]:
        if self._tokens is None:
            raise self._unavailable(self._failure or _Failure("It has not answered completely yet."))
        valid = tuple(token.digest for token in self._tokens if self._now() < token.expires)
        if not valid and self._refused:
            raise Unavailable(next(iter(self._refused.values())))
        return valid

    def _unavailable(self, failure: _Failure) -> Unavailable:
        began = self._failing_since if self._failure else self._now()
        since = datetime.fromtimestamp(began, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        wait = self._due_at - self._clock() if self._failure else 0.0
        text = f"No token could be read from Key Vault since {since}. {failure.reason}"
        return Unavailable(text, retry_after=max(5, math.ceil(wait)))

    async def _refresh(self) -> None:
        """Wait for the refresh that runs, or for a new one; it goes on when whoever waits has no more time."""
        budget = self._load_budget if self._tokens is None else self._refresh_budget
        done, _ = await asyncio.wait([self._start_refresh()], timeout=budget)
        for task in done:
            task.result()

    def _start_refresh(self) -> asyncio.Task[None]:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._vault, self._refreshing = loop, self._connect(), None
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = loop.create_task(self._ask())
        return self._refreshing

    def _is_refreshing(self) -> bool:
        return self._refreshing is not None and not self._refreshing.done()

    async def _ask(self) -> None:
        """Try until the vault answers or the budget is spent, and keep what came out."""
        deadline = self._clock() + (self._load_budget if self._tokens is None else self._refresh_budget)
        backoff = FIRST_BACKOFF
        while failure := await self._try():
            wait = max(backoff, failure.retry_after)
            if self._clock() + wait >= deadline:
                return self._failed(failure)
            await self._sleep(wait)
            backoff *= 2
        return None

    async def _try(self) -> _Failure | None:
        """Ask once. What the SDK raises ends here: its text can hold the body of an answer, so a token."""
        asked_at = self._clock()
        try:
            tokens = await self._read()
        except TimeoutError:
            return _Failure("It does not answer in time.")
        except ERRORS as error:
            return _failure(error, self._secret)
        if tokens is None and not self._may_be_missing:
            return _Failure(f"The secret '{self._secret}' is not in the vault.")
        self._answered(tokens or (), asked_at)
        return None

    async def _read(self) -> tuple[_Token, ...] | None:
        """Return the tokens of the newest usable versions; None if there is no such secret and never was."""
        client = self._vault.open()
        listed = await self._versions(client)
        if not listed and self._tokens is None:
            return None
        tokens: list[_Token] = []
        seen: set[str] = set()
        for version in newest_first(listed, self._now()):
            name = str(version.version)
            seen.add(name)
            if name not in self._digests and name not in self._refused:
                async with asyncio.timeout(self._try_seconds):
                    await self._learn(client, name)
            if name in self._digests:
                tokens.append(_Token(name, _seconds(version.expires_on, math.inf), self._digests[name]))
            if len(tokens) == VALID_VERSIONS:
                break
        self._forget_all_but(seen)
        return tuple(tokens)

    async def _versions(self, client: SecretClient) -> list[SecretProperties]:
        """Return all versions; none for a secret that is not there, which the vault may also say with 404."""
        versions: list[SecretProperties] = []
        pages = client.list_properties_of_secret_versions(self._secret).by_page()
        try:
            while True:
                async with asyncio.timeout(self._try_seconds):
                    versions += [each async for each in await anext(pages)]
        except StopAsyncIteration:
            self._warn_of_many(len(versions))
            return versions
        except ResourceNotFoundError:
            return []

    def _warn_of_many(self, number: int) -> None:
        if number > MANY_VERSIONS and not self._many:
            _log.warning(
                "The secret '%s' has %d versions, which are all read at each refresh: it takes long until a token that"
                " is disabled is refused. docs/operations.md says how to begin anew.",
                *(self._secret, number),
            )
        self._many = number > MANY_VERSIONS

    async def _learn(self, client: SecretClient, version: str) -> None:
        """Keep the digest of one version's value, or why the value cannot be a token.

        Nothing of one that was disabled or deleted since the list was read.
        """
        try:
            # A span would carry the text of an error, and that text the answer.
            secret = await client.get_secret(self._secret, version, tracing_options={"enabled": False})
        except HttpResponseError as error:
            if _is_disabled(error):
                return
            raise
        # White space around a token never arrives in a header; a file written by `echo` ends with a line break.
        value = (secret.value or "").strip()
        if value and not value.startswith(REFERENCE):
            self._digests[version] = digest(value)
            return
        what = "the text of a Key Vault reference" if value else "nothing"
        self._refused[version] = (
            f"Version {version} of the secret '{self._secret}' holds {what} instead of a token. "
            "Add a version whose value is the token itself."
        )
        _log.warning("%s", self._refused[version])

    def _forget_all_but(self, versions: set[str]) -> None:
        self._digests = {version: kept for version, kept in self._digests.items() if version in versions}
        self._refused = {version: why for version, why in self._refused.items() if version in versions}

    def _answered(self, tokens: tuple[_Token, ...], asked_at: float) -> None:
        if self._failure is not None:
            _log.warning("Key Vault answers again.")
        self._tokens, self._failure = tokens, None
        # The answer may be as old as the question.
        self._fresh_at, self._due_at = asked_at, asked_at + self._time_limit / 2

    def _failed(self, failure: _Failure) -> None:
        if self._failure is None:
            self._failing_since = self._now()
            known = "no token is known yet" if self._tokens is None else "the tokens known last stay valid"
            _log.warning("Key Vault does not answer, %s. %s", known, failure.reason)
        self._failure, self._due_at = failure, self._clock() + max(PAUSE, failure.retry_after)


def newest_first(versions: list[SecretProperties], now: float) -> list[SecretProperties]:
    """Return the versions that are enabled, begun and unexpired; the vault lists them in no useful order."""
    usable = [
        each
        for each in versions
        if each.enabled and _seconds(each.not_before, -math.inf) <= now < _seconds(each.expires_on, math.inf)
    ]
    return sorted(usable, key=lambda each: (_seconds(each.created_on, 0), str(each.version)), reverse=True)


def _seconds(moment: datetime | None, missing: float) -> float:
    return missing if moment is None else moment.timestamp()


def _failure(error: Exception, secret: str) -> _Failure:
    """Return what is wrong and what to change, from the kind and status of the error, never from its text."""
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if status == 403:
        return _Failure(
            "It refuses the app's identity (403): give it the role Key Vault Secrets User and let it through "
            "the vault's firewall. A new role takes minutes to spread."
        )
    if status == 401 or isinstance(error, ClientAuthenticationError):
        return _Failure(
            "The app's identity gets no access token for it (401): check the managed identity and its client id."
        )
    if status == 404:
        return _Failure(f"The secret '{secret}' is not in the vault.")
    if isinstance(error, HttpResponseError) and status is not None and status >= 400:
        return _Failure(f"It answers {status}.", _retry_after(error))
    if isinstance(error, HttpResponseError) or not isinstance(error, AzureError):
        return _Failure(f"Its answer is not a vault's ({type(error).__name__}): check the URL of the vault.")
    return _Failure(f"It cannot be reached ({type(error).__name__}).")


def _is_disabled(error: HttpResponseError) -> bool:
    inner = getattr(error.error, "innererror", None)
    return error.status_code == 403 and isinstance(inner, dict) and inner.get("code") == DISABLED


def _retry_after(error: HttpResponseError) -> float:
    """Return the seconds of Retry-After, 0 where there are none or a date."""
    text = getattr(error.response, "headers", {}).get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0
