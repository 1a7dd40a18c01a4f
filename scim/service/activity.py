"""What a tenant's journal tells, as JSON objects: requests for the log, totals and plots for the overview."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from scim.directory.entry import Entry, Wanted
from scim.directory.hours import HOUR, Counts
from scim.directory.journal import MAX_COUNT, Page, moment
from scim.protocol.errors import InvalidValue
from scim.protocol.resource import format_date_time, parse_date_time
from scim.service.parameters import count_of, given
from scim.service.tenants import TenantService

EXPIRING = timedelta(days=30)
DAYS = 30
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


async def overview(service: TenantService, now: datetime) -> dict[str, Any]:
    """Return how the tenant does: sizes, last times, and totals of 24 hours and of 30 days with their plots.

    Users, groups and the journal's hours are read, no request. Raises Unavailable.
    """
    memberships = service.directory.memberships
    hours = await service.journal.hours(now - timedelta(days=DAYS))
    month = sum(hours.values(), Counts())
    return {
        "users": await memberships.total("u"),
        "groups": await memberships.total("g"),
        "lastRequest": _text(month.last_request),
        "lastSuccess": _text(month.last_success),
        "lastChange": _text(month.last_change),
        "day": _totals(hours, now, HOUR, 24),
        "month": _totals(hours, now, 24 * HOUR, DAYS),
    }


def _totals(hours: Mapping[int, Counts], now: datetime, step: int, steps: int) -> dict[str, Any]:
    """Return the totals of so many steps of milliseconds, up to the one in which now lies, and a point for each."""
    last = int(now.timestamp() * 1000) // step * step
    points = {last - number * step: Counts() for number in range(steps)}
    for hour, counts in hours.items():
        if (start := hour // step * step) in points:
            points[start] = points[start] + counts
    whole = sum(points.values(), Counts())
    return _figures(whole) | {
        "statuses": dict(whole.statuses),
        "failuresByScimType": dict(whole.scim_types),
        "points": [{"time": _text(start)} | _figures(points[start]) for start in sorted(points)],
    }


def _figures(counts: Counts) -> dict[str, Any]:
    return {
        "requests": counts.requests,
        "failures": counts.failures,
        "testConnections": counts.tests,
        "storageCalls": counts.calls,
        "p50": counts.milliseconds(0.5),
        "p95": counts.milliseconds(0.95),
    }


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
