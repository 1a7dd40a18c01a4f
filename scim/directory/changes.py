"""The history of a user or group: its change rows, the newest first."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scim.directory import keys
from scim.directory.tenant import PAGE, Tenant
from scim.protocol.errors import InvalidCursor
from scim.storage.damage import Damaged, known_in
from scim.storage.rows import Row

MAX_COUNT = 200
"""Changes on one page."""
READ_ROWS = 5_000
"""Change rows that one page looks at, about; the next page goes on there."""
_SECOND, _DAY, _YEAR = 1_000, 86_400_000, 366 * 86_400_000
_FEW = PAGE // 5
"""Rows of a stretch of time below which the next stretch is twice as long."""
_CURSOR = re.compile(r"e\.[0-9a-f]{12}\.[0-9a-f]{0,32}")


@dataclass(frozen=True, slots=True)
class Change:
    """One change row: when, and what it says."""

    time: datetime
    said: dict[str, Any]


class Changes:
    """The change rows of a tenant.

    Their keys ascend with time, and the store reads upwards only: so stretches of time are read, the latest first,
    shorter ones where there was much.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def about(
        self, resource_id: str, since: datetime, count: int = 50, cursor: str = ""
    ) -> tuple[list[Change], str | None]:
        """Return up to `count` changes of a resource or of its memberships, not older than `since`, the newest first.

        With them the cursor with which the next page goes on, None where there is no more. About READ_ROWS rows are
        read, so that a page may have fewer changes, or none, and yet a cursor. Raises InvalidCursor, Unavailable.
        """
        if cursor and not _CURSOR.fullmatch(cursor):
            raise InvalidCursor("The cursor is none of a history; take it from nextCursor of the page before.")
        first = int(since.timestamp() * 1000)
        before = cursor or keys.change(int(self._tenant.now().timestamp() * 1000) + _DAY, "")
        found: list[Change] = []
        read, span = 0, _DAY
        while read < READ_ROWS:
            start = max(_milliseconds(before) - span, first)
            rows = await self._tenant.range(keys.change(start, ""), before, PAGE)
            if len(rows) == PAGE and span > _SECOND:
                span = max(span // 8, _SECOND)  # these are the oldest of the stretch, not the newest
                continue
            rows += await self._rest(rows, before)
            for row in reversed(rows):
                found += _of(row, resource_id)
                if len(found) == count:
                    return found, row.key
            if start <= first:
                return found, None
            read, before = read + len(rows) + 1, keys.change(start, "")
            span = min(span * 2, _YEAR) if len(rows) < _FEW else span
        return found, before

    async def _rest(self, rows: Sequence[Row], before: str) -> list[Row]:
        """Return what else is in the shortest stretch."""
        more: list[Row] = []
        page = rows
        while len(page) == PAGE:
            page = await self._tenant.range(page[-1].key, before, PAGE)
            more += page
        return more


def _of(row: Row, resource_id: str) -> Iterator[Change]:
    """Yield the change of a row if it is about the resource; one that cannot be read is left out."""
    if resource_id not in row.body:
        return
    try:
        yield Change(keys.time_of_change(row.key), known_in(row))
    except (Damaged, ValueError, OverflowError):
        return


def _milliseconds(key: str) -> int:
    return int(key.split(".")[1], 16)
