"""From an operation to its response: every failure becomes one here and nowhere else, and one line is logged."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from scim.directory.resources import Origin
from scim.protocol.errors import ScimError
from scim.service.messages import Request, Response, error_response
from scim.storage import deadline

SECONDS = 60.0
"""The time of a request where no setting says another."""

logger = logging.getLogger(__name__)


class _Internal(ScimError):
    """A bug; its cause is in the log only."""

    status = 500


async def answered(
    request: Request,
    name: str,
    parameters: Mapping[str, str],
    operation: Callable[[], Awaitable[Response]],
    failed: Callable[[ScimError], Response] = error_response,
    seconds: float = SECONDS,
) -> Response:
    """Return what the operation answers within so many seconds, or what `failed` makes of its failure.

    `name` is the function's. An operation of a Bulk request shares the time of the request. The line of a failure is a
    WARNING: on Azure nothing below is kept (host.json), since the host's own telemetry tells of each request, but not
    why one failed.
    """
    start, bug = time.perf_counter(), None
    try:
        with deadline.within(seconds):
            response = await operation()
    except ScimError as error:
        response = failed(error)
    except Exception as error:
        bug = error
        response = failed(_Internal(f"Internal error; the log has it under request {request.request_id}."))
    milliseconds = (time.perf_counter() - start) * 1000
    warned = response.status >= 400 and (request.failures is None or request.failures.is_to_be_told(request.address))
    if bug and warned:
        logger.error("request %s failed", request.request_id, exc_info=bug)
    logger.log(
        logging.WARNING if warned else logging.INFO,
        "%s %s id=%.64s status=%s ms=%.1f request=%s address=%s client=%.100s tenant=%s credential=%s",
        *(request.method, name, on_one_line(parameters.get("id") or response.resource_id or "-")),
        *(response.outcome, milliseconds),
        *(request.request_id, request.address or "-", client_of(request) or "-"),
        *(request.tenant, request.credential or "-"),
    )
    return response


def client_of(request: Request) -> str:
    """Return what the client calls itself, on one line."""
    return on_one_line(request.headers.get("user-agent", ""))


def origin_of(request: Request) -> Origin:
    """Return where a change comes from that a request makes."""
    return Origin(request.request_id, client_of(request), request.credential, len(request.body))


def on_one_line(text: str) -> str:
    """Return what of a client's text may go into the log and into change rows: no line breaks, only characters."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)
