"""Keeps whole requests and answers of a tenant while an administrator asks for it; no answer depends on it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from scim.access.tenants import TenantRecord
from scim.directory.aside import aside
from scim.directory.capture import Captured, capture_of
from scim.service.messages import Request, Response
from scim.service.tenants import TenantService
from scim.storage import deadline

AT_ONCE = 8
"""Exchanges that are written at a time by one process; what comes meanwhile is left out."""
WAIT_SECONDS = 1.0
"""How long an answer waits for that at most; it may still be written later."""
WRITE_SECONDS = 10.0

logger = logging.getLogger(__name__)


class Capturing:
    """What captures requests in this process. Nothing is asked of the store while a tenant's record says nothing."""

    def __init__(self, serving: Callable[[TenantRecord], Awaitable[TenantService]]) -> None:
        self._serving = serving
        self._tasks: set[asyncio.Task[None]] = set()
        self._left_out = 0

    async def keep(self, request: Request, response: Response) -> None:
        """Keep a request of somebody who was let in, and its answer, if its tenant is captured now.

        Not what the application asks and is answered: who polls the feed each second would fill a capture in a quarter
        of an hour, in which provisioning is looked for.
        """
        record = request.known
        if record is None or not record.capture or not request.credential or _is_of_the_application(request, response):
            return
        if len(self._tasks) >= AT_ONCE:
            self._left_out += 1
            return
        task = asyncio.create_task(self._kept(record, request, response))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait([task], timeout=WAIT_SECONDS)

    async def _kept(self, record: TenantRecord, request: Request, response: Response) -> None:
        from scim.service.exchange import exchange  # here, since hardly any process ever captures

        try:
            service = await self._serving(record)
            capture = capture_of(record.capture)
            if capture is None or not capture.runs(service.tenant.now()):
                return
            size = len(request.body) + len(response.written)
            head, text = await aside(partial(exchange, capture, request, response), size)
            with deadline.within(WRITE_SECONDS):
                await Captured(service.tenant).add(capture.id, head, text)
        except Exception as error:  # whatever it is, no request fails by its capture
            self._left_out += 1
            logger.warning("a request is not captured, and %d are not by now: %r", self._left_out, error)

    async def flush(self) -> None:
        """Return when all that is being written was, or failed."""
        await asyncio.gather(*self._tasks)


def _is_of_the_application(request: Request, response: Response) -> bool:
    return response.status < 400 and all(each.application for each in request.entries)
