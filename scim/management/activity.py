"""What a tenant's journal tells, as JSON objects: requests for the log, totals and plots for the overview."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from scim.access.tenants import TenantRecord
from scim.directory.entry import Entry, Wanted
from scim.directory.journal import MAX_COUNT, PAGE_ROWS, Page, instant
from scim.management.parameters import count_of, given
from scim.protocol.errors import InvalidCursor, InvalidValue
from scim.protocol.resource import format_date_time, parse_date_time
from scim.service.tenants import TenantService
from scim.storage.together import together

PARAMETERS = ("status", "credential", "client", "user", "text", "since", "until", "count", "cursor")
"""What a reader of the log may ask for."""
MOST_TENANTS = 20
"""Tenants whose requests one page may show together: so its cursor, which has the place in each, fits an address."""


async def log(service: TenantService, asked: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return one page of the log for query parameters. Raises InvalidValue, InvalidCursor, Unavailable."""
    parameters = given(asked, PARAMETERS, "the log")
    page = await service.journal.page(wanted(parameters), count_of(parameters, MAX_COUNT), parameters.get("cursor", ""))
    return told(page, service.record.key)


async def log_of_all(
    records: Sequence[TenantRecord],
    serving: Callable[[TenantRecord], Awaitable[TenantService]],
    asked: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """Return one page of the log of all tenants together, the newest first.

    The tenants share the rows that a page of one tenant may read, so that it costs no more; a page may have fewer
    requests than were asked for, or none, and yet a cursor. Raises InvalidValue where there are more than
    MOST_TENANTS, InvalidCursor, Unavailable.
    """
    parameters = given(asked, PARAMETERS, "the log")
    count, sought = count_of(parameters, MAX_COUNT), wanted(parameters)
    places = _places(parameters["cursor"]) if "cursor" in parameters else {each.key: "" for each in records}
    if len(places) > MOST_TENANTS:
        raise InvalidValue(
            f"There are {len(places)} tenants, and one page shows requests of {MOST_TENANTS} at most; ask for those of"
            " one tenant."
        )
    read = {each.key: await serving(each) for each in records if each.key in places}
    rows = PAGE_ROWS // max(len(read), 1)
    pages = await together(*(each.journal.page(sought, count, places[key], rows) for key, each in read.items()))
    return _together(dict(zip(read, pages, strict=True)), places, count)


def _together(pages: Mapping[str, Page], places: Mapping[str, str], count: int) -> dict[str, Any]:
    """Return the newest requests of several pages, and where each tenant goes on.

    It ends where a page does behind which there is more: that may be newer than what the other pages have.
    """
    taken, found = dict.fromkeys(pages, 0), list[dict[str, Any]]()
    while len(found) < count:
        ended = [key for key, page in pages.items() if taken[key] == len(page.entries)]
        left = {key: page.entries[taken[key]] for key, page in pages.items() if key not in ended}
        if not left or any(pages[key].cursor for key in ended):
            break
        newest = max(left, key=lambda key: left[key].at)
        found.append(request(left[newest], newest))
        taken[newest] += 1
    going = {key: _going(page, taken[key], places[key]) for key, page in pages.items()}
    cursor = ",".join(f"{key}~{place}" for key, place in going.items() if place is not None)
    return {"requests": found, "nextCursor": cursor or None}


def _going(page: Page, taken: int, before: str) -> str | None:
    """Return where a tenant goes on after so many of the requests of its page; None where there is no more."""
    if taken == len(page.entries):
        return page.cursor
    return page.places[taken - 1] if taken else before


def _places(cursor: str) -> dict[str, str]:
    """Return by tenant where its log goes on. Raises InvalidCursor."""
    parts = [each.partition("~") for each in cursor.split(",")]
    if not all(divided for _, divided, _ in parts):
        raise InvalidCursor("The cursor is none of the log of all tenants; take it from nextCursor of the page before.")
    return {key: place for key, _, place in parts}


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
    return format_date_time(instant(milliseconds)) if milliseconds else None
