"""The health of the service, as anybody may ask for it: answered soon, and without making the parts work."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from scim.directory import keys
from scim.directory.tenant import Tenant
from scim.protocol.errors import ScimError, Unavailable
from scim.service.messages import JSON, Response
from scim.storage import deadline
from scim.storage.rows import Delete, Insert
from scim.storage.together import together

FRESH_SECONDS = 5.0
"""How old a state may be: whoever asks more often makes no part work more often."""
PROBE_SIZE = 16_000
"""Characters of the row that is written to try it: more than most changes write, so that it needs room of its own."""
CHECK_SECONDS = 2.5
"""The time of one check, so that the answer comes within 3 s."""
NEEDED = ("storage", "tokens")
"""The parts without which requests are refused."""

logger = logging.getLogger(__name__)

Check = Callable[[], Awaitable[str | None]]


async def check_storage(tenant: Tenant) -> None:
    """Return when the store answers and takes what is written. Raises Unavailable.

    Nothing is written while the last write of this process succeeded. After one that failed a row is written and taken
    away again, so that a process which has nothing else to write says neither that all is well nor, for longer than it
    is true, that it is not.
    """
    await tenant.rows.check()
    if tenant.writes.failure is not None:
        try:
            await tenant.retried(partial(_try_to_write, tenant))
        except Unavailable as error:
            raise Unavailable(f"The last change could not be written, nor can another one. {error.detail}") from None


async def _try_to_write(tenant: Tenant, _: int) -> None:
    row = await tenant.read(keys.PROBE)
    if row is None:
        [version] = await tenant.commit([Insert(keys.PROBE, "x" * PROBE_SIZE)])
    else:  # of a process that has died in between, or of one that tries at this moment
        version = row.version
    await tenant.commit([Delete(keys.PROBE, version)])


class Health:
    """The states of the parts of the service, each "ok" or what is wrong."""

    def __init__(self, checks: Mapping[str, Check], clock: Callable[[], float] = time.monotonic) -> None:
        """`checks` return None or "ok" for a part that is well, else what is wrong, or raise it."""
        self._checks, self._clock = checks, clock
        self._states: dict[str, str] = {}
        self._checked_at = -FRESH_SECONDS
        self._gate = asyncio.Lock()

    async def response(self) -> Response:
        """Return 200 when every part of NEEDED is well, else 503, with the states.

        Within 3 s, and from states at most 5 s old; those who ask together wait for one check. `status` is "ok" when
        every part is well, "impaired" when one is not that nobody is refused for, else "failing".
        """
        async with self._gate:
            if self._clock() - self._checked_at >= FRESH_SECONDS:
                began = self._clock()
                states = await together(*(self._state(name, check) for name, check in self._checks.items()))
                self._states = dict(zip(self._checks, states, strict=True))
                self._checked_at = began
        serving = all(self._states.get(name, "ok") == "ok" for name in NEEDED)
        well = all(state == "ok" for state in self._states.values())
        status = "ok" if well else "impaired" if serving else "failing"
        return Response(200 if serving else 503, {"status": status, **self._states}, {}, JSON)

    async def _state(self, name: str, check: Check) -> str:
        try:
            # The first limit lets a part say itself what is wrong; the second one holds for whatever knows of no limit.
            with deadline.within(CHECK_SECONDS):
                async with asyncio.timeout(CHECK_SECONDS):
                    return await check() or "ok"
        except TimeoutError:
            return f"does not answer within {CHECK_SECONDS:g} s"
        except ScimError as error:
            return error.detail
        except Exception:
            logger.exception("the health check of %s failed", name)
            return "failing; the log says why"
