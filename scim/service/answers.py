"""From an operation to its response: every failure becomes one here and nowhere else, and one line is logged."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from scim.directory import notes
from scim.directory.entry import Entry
from scim.directory.notes import Notes
from scim.directory.resources import Origin
from scim.protocol.errors import ScimError
from scim.service import routes
from scim.service.messages import Request, Response, error_response
from scim.storage import deadline

Parameters = Mapping[str, str]
"""Those in the path of a request, by the name that its route gives them."""

SECONDS = 60.0
"""The time of a request where no setting says another."""

MAX_NAME, MAX_DETAIL, MAX_ATTRIBUTE, MAX_ATTRIBUTES = 100, 300, 100, 10
"""Characters of a name, a detail and the path of an attribute in the journal, and how many attributes."""
PATHS = {each.name: f"/{each.path}" for each in routes.ROUTES} | {"IssueToken": "/oauth/token"}
"""By function, its path below the Tenant URL."""

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
    failure: ScimError | None = None
    with notes.taken() as noted:
        try:
            with deadline.within(seconds):
                response = await operation()
        except ScimError as error:
            failure = error
        except Exception as error:
            bug = error
            failure = _Internal(f"Internal error; the log has it under request {request.request_id}.")
    if failure is not None:
        response = failed(failure)
    entry = _entry(request, name, parameters, response, failure, noted)
    entry.ms = round((time.perf_counter() - start) * 1000, 1)
    request.entries.append(entry)
    warned = response.status >= 400 and (request.failures is None or request.failures.is_to_be_told(request.address))
    if bug and warned:
        logger.error("request %s failed", request.request_id, exc_info=bug)
    logger.log(
        logging.WARNING if warned else logging.INFO,
        "%s %s id=%s status=%s ms=%.1f request=%s address=%s client=%s tenant=%s credential=%s",
        *(entry.method, entry.function, entry.id or "-", response.outcome, entry.ms),
        *(entry.request, request.address or "-", entry.client or "-"),
        *(request.tenant, entry.credential or "-"),
    )
    return response


def _entry(
    request: Request,
    name: str,
    parameters: Mapping[str, str],
    response: Response,
    failure: ScimError | None,
    noted: Notes,
) -> Entry:
    """Return what log and journal tell of an answer, but for how long it took; every text in it has a bound."""
    entry = Entry(name, request.method, response.status, PATHS.get(name, ""))
    entry.id = on_one_line(parameters.get("id") or response.resource_id)[:64]
    entry.client = client_of(request)[:100]
    entry.request, entry.credential = request.request_id, request.credential
    entry.name, entry.calls = on_one_line(noted.name)[:MAX_NAME], noted.calls
    entry.attributes = tuple(each[:MAX_ATTRIBUTE] for each in noted.attributes[:MAX_ATTRIBUTES])
    entry.changed, entry.test = noted.changed and failure is None, noted.test
    entry.application = name in routes.APPLICATION
    if failure is not None:
        entry.scim_type, entry.detail = failure.scim_type or "", on_one_line(failure.detail)[:MAX_DETAIL]
        entry.attributes = (failure.attribute[:MAX_ATTRIBUTE],) if failure.attribute else ()
    return entry


def client_of(request: Request) -> str:
    """Return what the client calls itself, on one line."""
    return on_one_line(request.headers.get("user-agent", ""))


def origin_of(request: Request) -> Origin:
    """Return where a change comes from that a request makes."""
    return Origin(request.request_id, client_of(request), request.credential, len(request.body))


def on_one_line(text: str) -> str:
    """Return what of a client's text may go into the log and into change rows: no line breaks, only characters."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)
