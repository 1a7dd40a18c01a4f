"""Keeps whole requests and answers of a tenant while an administrator asks for it; no answer depends on it."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from scim.access.tenants import TenantRecord
from scim.directory.aside import aside
from scim.directory.capture import Capture, Captured, capture_of
from scim.protocol.resource import to_json
from scim.service.masking import HIDDEN, Masking, sendable
from scim.service.messages import Request, Response
from scim.service.tenants import TenantService
from scim.storage import deadline

MAX_BODY = 1024 * 1024
"""Bytes of a body that are kept; one that is longer is cut, and cannot be replayed."""
AT_ONCE = 8
"""Exchanges that are written at a time by one process; what comes meanwhile is left out."""
WAIT_SECONDS = 1.0
"""How long an answer waits for that at most; it may still be written later."""
WRITE_SECONDS = 10.0
_UNKNOWN = "utf-8", "backslashreplace"

logger = logging.getLogger(__name__)


class Capturing:
    """What captures requests in this process. Nothing is asked of the store while a tenant's record says nothing."""

    def __init__(self, serving: Callable[[TenantRecord], Awaitable[TenantService]]) -> None:
        self._serving = serving
        self._tasks: set[asyncio.Task[None]] = set()
        self._left_out = 0

    async def keep(self, request: Request, response: Response) -> None:
        """Keep a request of somebody who was let in, and its answer, if its tenant is captured now."""
        record = request.known
        if record is None or not record.capture or not request.credential:
            return
        if len(self._tasks) >= AT_ONCE:
            self._left_out += 1
            return
        task = asyncio.create_task(self._kept(record, request, response))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait([task], timeout=WAIT_SECONDS)

    async def _kept(self, record: TenantRecord, request: Request, response: Response) -> None:
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


def exchange(capture: Capture, request: Request, response: Response) -> tuple[dict[str, Any], str]:
    """Return the head of an exchange, and the whole as text, masked unless the capture asks for values."""
    masking = Masking(capture.salt) if capture.values != "plain" else None
    path, query = request.path, request.url.partition("#")[0].partition("?")[2]
    prefix, below = _divided(path)
    asked = masking.target(below, query) if masking else below + (f"?{query}" if query else "")
    sent, sent_cut = _body(request.body, masking)
    answered, answered_cut = _body(response.content(), masking)
    headers = response.sendable_headers() | {"Content-Type": response.media_type}
    whole = {
        "request": {"headers": _headers(dict(request.headers), masking), "body": sent},
        "answer": {"headers": _headers(headers, masking), "body": answered},
    }
    entry = request.entries[-1] if request.entries else None
    head = {
        "method": request.method,
        "target": asked[:4_000],
        "base": prefix,
        "status": response.status,
        "requestId": request.request_id,
        "credential": request.credential,
        "function": entry.function if entry else "",
        "milliseconds": entry.ms if entry else 0,
        "bytesSent": len(request.body),
        "bytesAnswered": len(response.content()),
        "replayable": not (sent_cut or answered_cut or len(asked) > 4_000),
    }
    return head, json.dumps(whole, ensure_ascii=False)


def _divided(path: str) -> tuple[str, str]:
    """Return the path of the Tenant URL, and what is below it."""
    segments = path.split("/")
    places = [number for number, each in enumerate(segments) if each.lower() == "v2"]
    last = places[0] + 1 if places else 1
    return "/".join(segments[:last]), "/" + "/".join(segments[last:])


def _body(content: bytes, masking: Masking | None) -> tuple[str, bool]:
    """Return a body as text, and whether it was cut."""
    cut = len(content) > MAX_BODY
    if masking is None:
        return content[:MAX_BODY].decode(*_UNKNOWN), cut
    if not content:
        return "", False
    if cut:
        return HIDDEN, True
    try:
        return to_json(masking.value(json.loads(content))), False
    except (ValueError, RecursionError):  # no JSON, so that nobody knows what in it is a value
        return HIDDEN, True


def _headers(headers: dict[str, str], masking: Masking | None) -> dict[str, str]:
    return masking.headers(headers) if masking else sendable(headers)
