"""The log as a file: CSV for spreadsheets, JSON for programs."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from scim.directory.aside import aside
from scim.directory.entry import Entry
from scim.directory.journal import MAX_COUNT
from scim.management import activity
from scim.management.parameters import count_of, given
from scim.protocol.errors import InvalidValue
from scim.protocol.resource import to_json
from scim.service.messages import JSON, NO_STORE, Response
from scim.service.tenants import TenantService

MAX_REQUESTS = 10_000
"""Requests in one file; the next file goes on there."""
MAX_PAGES = 20
"""Pages that one file is made of, each of which reads 200 rows of the journal at most."""
COLUMNS = (
    *("time", "status", "scimType", "detail", "function", "method", "path", "id", "name", "attributes"),
    *("credential", "client", "milliseconds", "storageCalls", "requestId", "testConnection", "times", "tenant"),
)
PARAMETERS = (*activity.PARAMETERS, "format")
_CHARACTERS = 400
"""Characters of a request in a file, about."""


async def requests(service: TenantService, asked: Sequence[tuple[str, str]], address: str) -> Response:
    """Return the requests that are wanted, the newest first, as a file for saving.

    `address` is that of this download: where there are more, the header Link has the address of the next file, as
    RFC 8288 has it. Raises InvalidValue, InvalidCursor, Unavailable.
    """
    parameters = given(asked, PARAMETERS, "a download of the log")
    if (kind := parameters.get("format", "csv")) not in FORMATS:
        raise InvalidValue(f"format must be {' or '.join(FORMATS)}.")
    media_type, written = FORMATS[kind]
    count, cursor = count_of(parameters, MAX_REQUESTS, MAX_REQUESTS), parameters.get("cursor", "")
    wanted, found = activity.wanted(parameters), list[Entry]()
    for _ in range(MAX_PAGES):
        page = await service.journal.page(wanted, min(MAX_COUNT, count - len(found)), cursor)
        found += page.entries
        cursor = page.cursor or ""
        if not cursor or len(found) >= count:
            break
    headers = {
        **NO_STORE,
        "Content-Disposition": f'attachment; filename="requests-{service.record.key}.{kind}"',
    }
    if cursor:
        headers["Link"] = f'<{address}?{urlencode({**parameters, "cursor": cursor})}>; rel="next"'
    content = await aside(partial(written, found, service.record.key), len(found) * _CHARACTERS)
    return Response(200, None, headers, media_type, written=content)


def _json(found: Sequence[Entry], key: str) -> bytes:
    return to_json({"requests": [activity.request(each, key) for each in found]}).encode(errors="replace")


def _csv(found: Sequence[Entry], key: str) -> bytes:
    """Return the requests as RFC 4180 has them, with the mark by which spreadsheets know UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for each in found:
        told: Mapping[str, Any] = activity.request(each, key)
        writer.writerow([_cell(told.get(name, "")) for name in COLUMNS])
    return b"\xef\xbb\xbf" + text.getvalue().encode(errors="replace")


def _cell(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula: clients choose names. https://owasp.org/CSV_Injection."""
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


FORMATS: Mapping[str, tuple[str, Callable[[Sequence[Entry], str], bytes]]] = {
    "csv": ("text/csv", _csv),
    "json": (JSON, _json),
}
"""By the name of a format: its media type, and what writes it."""
