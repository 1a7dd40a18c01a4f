"""How often and for how long one call of Table Storage is tried, and what its errors mean."""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable

import aiohttp
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.data.tables import RequestTooLargeError

from scim.protocol.errors import Unavailable
from scim.storage import deadline

BUDGET_SECONDS = 20.0
"""No try begins later than this after the first: a partition that is moved to another server is away for some ten."""
TRY_SECONDS = 15.0
"""One try in all: a token, a connection, an answer."""
FIRST_PAUSE = 0.2
MAX_PAUSE = 4.0
"""Seconds between two tries at most, unless the service asks for more."""
SAY_SECONDS = 60.0
THROTTLED = "Table Storage is busy (%s): it refused %d calls since this was said last"
"""The line of the log that an alert reads (infra/modules/alerts.bicep)."""
LATER = "Try again later."
START = "Start the emulator: make azurite."
ROLE = "the role Storage Table Data Contributor on the storage account"

_TRANSIENT = {408, 429, 500, 502, 503, 504}
# Both are how Table Storage throttles; it has no 429.
# https://learn.microsoft.com/azure/storage/tables/scalability-targets
_BUSY = {"ServerBusy", "OperationTimedOut"}
_TOO_LARGE = {"EntityTooLarge", "PropertyValueTooLarge", "RequestBodyTooLarge"}
# aiohttp raises them before it has written anything of a request.
_UNSENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


logger = logging.getLogger(__name__)


class LostAnswer(AzureError):
    """An answer came, and cannot be understood: whatever was asked for may have been done."""


class Throttling:
    """Says in the log that the service refuses calls, once a minute in each process: a line for each would be many."""

    def __init__(self) -> None:
        self._said_at = -math.inf
        self._refusals = 0

    def note(self, error: Exception, now: float) -> None:
        """Count an error if it is a refusal, and say how many there were when the last line is a minute ago."""
        if code(error) not in _BUSY:
            return
        self._refusals += 1
        if now - self._said_at >= SAY_SECONDS:
            logger.warning(THROTTLED, words(error), self._refusals)
            self._said_at, self._refusals = now, 0


class Patience:
    """The patience with one call, or with all requests of one commit: it ends with its budget or with the request.

    The budget begins with the first try, not while that waits for a connection.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        throttling: Throttling,
        advice: str = LATER,
    ) -> None:
        """`advice` is what to do when there is no answer."""
        self._clock, self._sleep, self._throttling, self._advice = clock, sleep, throttling, advice
        self._request = deadline.current()
        self._last_begin: float | None = None
        self._failures = 0

    async def enter(self, gate: asyncio.Semaphore) -> None:
        """Wait for a connection; leave it with `gate.release`. Raises Unavailable when the request's time is over."""
        await self._request.enter(gate)
        if self._last_begin is None:
            self._last_begin = self._clock() + BUDGET_SECONDS

    def one_try(self) -> asyncio.Timeout:
        """Return the limit of time for one try."""
        return asyncio.timeout(min(TRY_SECONDS, self._request.left()))

    async def pause(self, error: Exception) -> None:
        """Wait before the next try. Raises what the error means when there is none: Unavailable, or the error itself.

        The pause is what the service asks for, else a random time, so that those who failed together do not come back
        together; it grows with each failure. Table Storage that throttles asks for nothing.
        """
        if denied := _denied(error):
            raise denied from error
        if not is_transient(error):
            raise error
        self._throttling.note(error, self._clock())
        asked = retry_after(error)
        jitter = random.uniform(0, min(MAX_PAUSE, FIRST_PAUSE * 2 ** min(self._failures, 9)))  # noqa: S311 - no secret
        pause = asked + jitter if asked else jitter
        self._failures += 1
        if not self._request.left():
            raise self._request.over() from error
        if self._clock() + pause > (self._last_begin or 0) or pause >= self._request.left():
            raise unavailable(error, self._advice) from error
        await self._sleep(pause)


def code(error: Exception) -> str:
    """Return the service's error code, or an empty string: it does not always send one."""
    found = getattr(error, "error_code", None) or ""
    return str(getattr(found, "value", found))


def words(error: Exception) -> str:
    """Return status and code, or the kind of error: never its text, which can hold what a client has sent."""
    status = getattr(error, "status_code", None)
    return f"{status} {code(error)}".strip() if status else type(error).__name__


def is_transient(error: Exception) -> bool:
    """Return whether the same request may succeed a little later; also when an answer could not be understood."""
    if not isinstance(error, HttpResponseError):
        return True
    if is_too_large(error):
        return False
    status = error.status_code
    return status is None or status < 400 or status in _TRANSIENT or code(error) == "TableBeingDeleted"


def is_too_large(error: HttpResponseError) -> bool:
    """Return whether the service finds a request too large.

    The SDK gives the error of a part with status 413 the outer status, 202. `check_limits` is stricter than the
    service; its emulator measures some text by the longer form in which it travels.
    """
    return isinstance(error, RequestTooLargeError) or error.status_code == 413 or code(error) in _TOO_LARGE


def may_be_applied(error: BaseException) -> bool:
    """Return whether a request that ended so may have been applied all the same, now or a little later.

    Not when it never left this process, and not when the service said that it refuses it.
    """
    if isinstance(error, ClientAuthenticationError) or isinstance(error.__cause__, _UNSENT):
        return False
    return not isinstance(error, Exception) or is_transient(error)


def may_arrive_late(error: BaseException) -> bool:
    """Return whether the service may still apply a request that ended so: it answered nothing, or not that it is busy.

    Taken for granted: what is answered ServerBusy was not begun. Its documents call it a request that the server is
    unable to receive. https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
    """
    return may_be_applied(error) and not (isinstance(error, Exception) and code(error) == "ServerBusy")


def retry_after(error: Exception) -> float:
    """Return the seconds that the service asks to wait, 0 where it does not."""
    text = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After") or ""
    return float(text) if text.isdecimal() else 0.0


def unavailable(error: Exception, advice: str) -> Unavailable:
    """Return what a client is told when no try was answered."""
    wait = int(retry_after(error)) or 5
    return Unavailable(f"Table Storage does not answer ({words(error)}). {advice}", retry_after=wait)


def _denied(error: Exception) -> Unavailable | None:
    if not isinstance(error, HttpResponseError):
        return None
    if error.status_code in (401, 403):
        return Unavailable(
            f"Table Storage refuses the app ({words(error)}). Give its identity {ROLE}, or correct the connection"
            " string, and let it through the account's firewall. A new role takes minutes to spread.",
            retry_after=60,
        )
    if isinstance(error, ClientAuthenticationError):
        return Unavailable(
            "The app's identity gets no access token for Table Storage: check the managed identity and its client id;"
            " at a desk, run `az login`.",
            retry_after=60,
        )
    return None
