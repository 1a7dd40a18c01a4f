"""The audit: who changed what through the management, written before it is done, and deleted by nobody but time."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from scim.access.registry import Registry
from scim.protocol.errors import InvalidCursor, ScimError
from scim.protocol.resource import format_date_time, to_json
from scim.storage.damage import Damaged, known_in
from scim.storage.rows import MAX_CHANGES, Delete, Insert, Replace, Row, RowConflict, Rows, new_mark
from scim.storage.store import LAST

PREFIX = "d."
DAYS = 400
"""How long a row is kept: a year, and the time to look at it."""
READ_ROWS = 2_000
"""Rows that one page looks at, at most; the next page goes on there."""
_AT_ONCE = 500
_LATEST = 2**48 - 1
_CURSOR = re.compile(r"d\.[0-9a-f]{12}\.[0-9a-f]{16}")

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Noted:
    """A row that was written before the deed that it tells of."""

    key: str
    said: Mapping[str, Any]
    version: str


class Audit:
    """Rows in the registry, one for each use of a credential that changes something, the newest first.

    A row says `outcome: begun` before anything is done, and the status afterwards: a crash in between leaves the row,
    and never a change without one. Raises Unavailable.
    """

    def __init__(self, registry: Registry, rows: Rows, name: str) -> None:
        """`rows` and `name` are the store and the partition of the registry."""
        self._registry, self._rows, self._name = registry, rows, name

    async def around(
        self,
        said: Mapping[str, Any],
        work: Callable[[], Awaitable[T]],
        outcome: Callable[[T], tuple[int, object]],
        ended_by: type[BaseException] = Exception,
    ) -> T:
        """Return what some work returns, which is not begun where it cannot be written down before.

        `outcome` returns the status and the body of what came of it; what was made is named by its id or key. Beside
        ScimErrors, `ended_by` counts as a failure.
        """
        noted = await self.begin(said)
        try:
            result = await work()
        except ScimError as error:
            await self.end(noted, error.status, detail=error.detail[:300])
            raise
        except ended_by:
            await self.end(noted, 500)
            raise
        status, body = outcome(result)
        made = body if isinstance(body, dict) else {}
        await self.end(noted, status, made=str(made.get("id") or made.get("key") or ""))
        return result

    async def begin(self, said: Mapping[str, Any]) -> Noted:
        """Write down what is about to be done; empty members are left out."""
        await self._registry.prepare()
        kept = {name: value for name, value in said.items() if value not in ("", None, {}, [])}
        key = f"{PREFIX}{_LATEST - int(self._registry.now.timestamp() * 1000):012x}.{new_mark()}"
        [version] = await self._rows.commit(self._name, [Insert(key, to_json({**kept, "outcome": "begun"}))])
        return Noted(key, kept, version)

    async def end(self, noted: Noted, status: int, **more: str) -> None:
        """Write down what came of it. It is done by then: what keeps this from being written is logged, not raised."""
        told = {name: text for name, text in more.items() if text}
        body = to_json({**noted.said, **told, "outcome": "done" if status < 400 else "failed", "status": status})
        try:
            await self._rows.commit(self._name, [Replace(noted.key, body, noted.version)])
        except (ScimError, RowConflict) as error:
            logger.warning("the audit does not know what came of %s: %r", noted.key, error)

    async def page(self, tenant: str | None, count: int, cursor: str = "") -> tuple[list[dict[str, Any]], str | None]:
        """Return up to `count` rows, of one tenant or of all, and the cursor with which the next page goes on.

        A page may have fewer, or none, and yet a cursor. Raises InvalidCursor.
        """
        if cursor and not _CURSOR.fullmatch(cursor):
            raise InvalidCursor("The cursor is none of the audit; take it from nextCursor of the page before.")
        after, found = cursor or PREFIX, list[dict[str, Any]]()
        for _ in range(READ_ROWS // _AT_ONCE):
            rows = await self._rows.range(self._name, after, PREFIX + LAST, _AT_ONCE)
            for row in rows:
                said = _read(row)
                if tenant is None or said.get("tenant") == tenant:
                    found.append(said)
                    if len(found) == count:
                        return found, row.key
            if len(rows) < _AT_ONCE:
                return found, None
            after = rows[-1].key
        return found, after

    async def expire(self) -> int:
        """Delete some rows that are older than DAYS; return how many."""
        oldest = int((self._registry.now - timedelta(days=DAYS)).timestamp() * 1000)
        first = f"{PREFIX}{_LATEST - oldest:012x}."
        rows = await self._rows.range(self._name, first, PREFIX + LAST, MAX_CHANGES, keys_only=True)
        try:
            if rows:
                await self._rows.commit(self._name, [Delete(row.key) for row in rows])
        except RowConflict:  # another run of the timer has deleted them
            return 0
        return len(rows)


def _read(row: Row) -> dict[str, Any]:
    """Return what a row says, and when it was begun; one that cannot be read has nothing but its time."""
    try:
        said = known_in(row)
    except Damaged:
        said = {"outcome": "unreadable"}
    return {**said, "time": _time(row.key)}


def _time(key: str) -> str:
    try:
        return format_date_time(datetime.fromtimestamp((_LATEST - int(key.split(".")[1], 16)) / 1000, UTC))
    except (ValueError, IndexError, OverflowError):
        return ""


def given(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a request's members may be kept: short values, the host alone of an address, never a secret."""
    kept: dict[str, Any] = {}
    for name, value in list(members.items())[:20]:
        if re.search("secret|token|password", name, re.IGNORECASE):
            continue
        if isinstance(value, str):
            found = re.match(r"([a-z]+://)(?:[^/?#@]*@)?([^/?#]*)", value, re.IGNORECASE)
            kept[name[:60]] = (found[1] + found[2] if found else value)[:200]
        elif isinstance(value, (bool, int, float)):
            kept[name[:60]] = value
    return kept
