"""What a tenant's journal tells, as JSON objects: requests for the log, totals and plots for the overview."""

from collections.abc import Mapping, Sequence
from typing import Any

from scim.directory.entry import Entry, Wanted
from scim.directory.journal import MAX_COUNT, Page, moment
from scim.management.parameters import count_of, given
from scim.protocol.errors import InvalidValue
from scim.protocol.resource import format_date_time, parse_date_time
from scim.service.tenants import TenantService

PARAMETERS = ("status", "credential", "client", "user", "text", "since", "until", "count", "cursor")
"""What a reader of the log may ask for."""


async def log(service: TenantService, asked: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return one page of the log for query parameters. Raises InvalidValue, InvalidCursor, Unavailable."""
    parameters = given(asked, PARAMETERS, "the log")
    page = await service.journal.page(wanted(parameters), count_of(parameters, MAX_COUNT), parameters.get("cursor", ""))
    return told(page, service.record.key)


def wanted(parameters: Mapping[str, str]) -> Wanted:
    """Return which requests parameters ask for. Raises InvalidValue."""
    return Wanted(
        status=_status(parameters.get("status", "")),
        credential=parameters.get("credential", ""),
        client=parameters.get("client", ""),
        user=parameters.get("user", ""),
        text=parameters.get("text", ""),
        since=_time("since", parameters.get("since", "")),
        until=_time("until", parameters.get("until", "")),
    )


def told(page: Page, key: str) -> dict[str, Any]:
    """Return a page of the log; nextCursor is null where there is no more."""
    return {"requests": [request(each, key) for each in page.entries], "nextCursor": page.cursor}


def request(entry: Entry, key: str) -> dict[str, Any]:
    """Return one request; what there is not is left out."""
    told: dict[str, Any] = {
        "time": _text(entry.at),
        "tenant": key,
        "credential": entry.credential,
        "client": entry.client,
        "function": entry.function,
        "method": entry.method,
        "path": entry.path,
        "id": entry.id,
        "name": entry.name,
        "status": entry.status,
        "scimType": entry.scim_type,
        "detail": entry.detail,
        "attributes": list(entry.attributes),
        "milliseconds": entry.ms,
        "storageCalls": entry.calls,
        "requestId": entry.request,
        "testConnection": entry.test,
        "times": entry.times,
    }
    always = ("milliseconds", "storageCalls", "status")
    return {name: value for name, value in told.items() if name in always or value not in ("", [], False)}


def _status(text: str) -> str:
    status = text.lower()
    if status in ("", "failed") or status in ("2xx", "3xx", "4xx", "5xx"):
        return status
    if len(status) == 3 and status.isascii() and status.isdecimal():
        return status
    raise InvalidValue("status must be failed, a class such as 4xx, or a status such as 404.")


def _time(name: str, text: str) -> int:
    if not text:
        return 0
    read = parse_date_time(f"{text}T00:00:00Z" if len(text) == 10 else text)
    if read is None:
        raise InvalidValue(f"{name} must be a date or a time such as 2027-12-31T08:00:00Z.")
    return max(int(read.timestamp() * 1000), 1)


def _text(milliseconds: int) -> str | None:
    return format_date_time(moment(milliseconds)) if milliseconds else None
