"""Captured requests and answers of a tenant: kept in pieces that fit a row, counted, and gone after a day."""

import json
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from scim.directory import keys
from scim.directory.tenant import Tenant
from scim.protocol.errors import NotFound
from scim.protocol.resource import format_date_time, parse_date_time, to_stored_json
from scim.storage.damage import Damaged, object_in
from scim.storage.rows import MAX_CHANGES, Delete, Insert, Replace, Row, RowChange, RowConflict

MAX_MINUTES, MAX_REQUESTS = 60, 1_000
KEPT = timedelta(hours=24)
"""How long an exchange is kept."""
PIECE = 200_000
"""Characters of an exchange in one row: half a megabyte at most, as Table Storage counts text."""


@dataclass(frozen=True, slots=True)
class Capture:
    """What is captured of a tenant: until when, how many requests at most, and whether with values or masked.

    `taken` counts them. Masks are made with `salt`, which nobody is told.
    """

    id: str
    started: str
    until: str
    requests: int
    values: str = "masked"
    taken: int = 0
    salt: str = ""

    def body(self) -> str:
        """Return the text that rows keep."""
        return to_stored_json(asdict(self))

    def runs(self, now: datetime) -> bool:
        """Whether requests are captured now."""
        until = parse_date_time(self.until)
        return self.taken < self.requests and until is not None and now < until


def capture_of(body: str) -> Capture | None:
    """Return the capture that a row tells of; None where it cannot be read."""
    try:
        read = json.loads(body)
        capture = Capture(**{each.name: read[each.name] for each in fields(Capture)})
    except (ValueError, KeyError, TypeError):
        return None
    return capture if type(capture.taken) is int and type(capture.requests) is int else None


class Captured:
    """The exchanges that were captured of a tenant. Raises Unavailable."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def capture(self) -> Capture | None:
        """Return what is captured, or was captured last; None before the first."""
        row = await self._tenant.read(keys.CAPTURE)
        return capture_of(row.body) if row else None

    async def begin(self, capture: Capture) -> None:
        """Capture from now on, in place of what was captured before, whose exchanges stay until they are too old."""

        async def attempt(_: int) -> None:
            row = await self._tenant.read(keys.CAPTURE)
            await self._tenant.commit([_put(capture, row)])

        await self._tenant.retried(attempt)

    async def end(self) -> Capture | None:
        """Capture nothing more, at once in every process; return what was captured."""

        async def attempt(_: int) -> Capture | None:
            row = await self._tenant.read(keys.CAPTURE)
            capture = capture_of(row.body) if row else None
            if row is not None and capture is not None and capture.runs(self._tenant.now()):
                capture = replace(capture, until=self._tenant.time())
                await self._tenant.commit([_put(capture, row)])
            return capture

        return await self._tenant.retried(attempt)

    async def add(self, capture_id: str, head: dict[str, Any], text: str) -> bool:
        """Keep an exchange, its head last, so that no part of one is ever shown; return whether there was room.

        One whose writing is cut short leaves pieces, which nobody reads and the timer takes away.
        """
        pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)] or [""]
        time, mark = int(self._tenant.now().timestamp() * 1000), self._tenant.new_mark()
        key = keys.captured(time, mark)
        rows = [Insert(keys.piece(time, mark, number), each) for number, each in enumerate(pieces)]

        async def attempt(_: int) -> bool:
            row = await self._tenant.read(keys.CAPTURE)
            capture = capture_of(row.body) if row else None
            if capture is None or capture.id != capture_id or not capture.runs(self._tenant.now()):
                return False
            counted = replace(capture, taken=capture.taken + 1)
            kept = {**head, "capture": capture_id, "number": counted.taken, "pieces": len(pieces)}
            await self._tenant.commit([rows[-1], Insert(key, to_stored_json(kept)), _put(counted, row)])
            return True

        for each in rows[:-1]:
            await self._tenant.commit([each])
        return await self._tenant.retried(attempt)

    async def heads(self, count: int, cursor: str = "") -> tuple[list[dict[str, Any]], str | None]:
        """Return what was captured, the newest first: its id, time and head; and where the next page goes on."""
        after = f"{keys.CAPTURED}{cursor}" if cursor else keys.CAPTURED
        rows = await self._tenant.range(after, keys.CAPTURED + keys.BEYOND, count)
        found = [{"id": _id(row.key), "time": _time(row.key), **head} for row in rows if (head := _head(row))]
        return found, _id(rows[-1].key) if len(rows) == count else None

    async def exchange(self, exchange_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the head of an exchange and the whole. Raises NotFound, also where a piece of it is damaged."""
        row = await self._tenant.read(f"{keys.CAPTURED}{exchange_id}") if keys.is_captured(exchange_id) else None
        head = _head(row) if row else None
        if row is None or head is None:
            raise NotFound(f"There is no exchange '{exchange_id[:64]}'; it is kept for 24 hours.")
        wanted = [keys.piece_of(exchange_id, number) for number in range(min(int(head.get("pieces", 0)), MAX_CHANGES))]
        pieces = await self._tenant.read_all(wanted)
        try:
            whole = json.loads("".join(each.body if each else "" for each in pieces))
        except ValueError:
            whole = None
        if not isinstance(whole, dict):
            raise NotFound(f"The exchange '{exchange_id[:64]}' cannot be read; a piece of it is damaged.")
        return {"id": exchange_id, "time": _time(row.key), **head}, whole

    async def expire(self) -> int:
        """Delete one batch of rows that are too old, at last the word of the capture itself; return how many."""
        row = await self._tenant.read(keys.CAPTURE)
        if row is None:
            return 0
        oldest = int((self._tenant.now() - KEPT).timestamp() * 1000)
        old: list[Row] = []
        for first, prefix in ((keys.captured(oldest, ""), keys.CAPTURED), (keys.piece_before(oldest), keys.PIECES)):
            old += await self._tenant.range(first, prefix + keys.BEYOND, MAX_CHANGES - len(old), keys_only=True)
            if len(old) == MAX_CHANGES:
                break
        changes: list[RowChange] = [Delete(each.key) for each in old]
        if not changes and await self._is_over(row):
            changes.append(Delete(keys.CAPTURE, row.version))
        try:
            if changes:
                await self._tenant.commit(changes)
        except RowConflict:  # another run has deleted them, or somebody has begun anew
            return 0
        return len(changes)

    async def _is_over(self, row: Row) -> bool:
        capture = capture_of(row.body)
        until = parse_date_time(capture.until) if capture else None
        return until is None or until + KEPT < self._tenant.now()

    async def due(self) -> datetime | None:
        """Return when something has to go; None where nothing was captured."""
        row = await self._tenant.read(keys.CAPTURE)
        if row is None:
            return None
        capture = capture_of(row.body)
        started = parse_date_time(capture.started) if capture else None
        return max(started + KEPT, self._tenant.now()) if started else self._tenant.now()


def _put(capture: Capture, row: Row | None) -> RowChange:
    return Replace(row.key, capture.body(), row.version) if row else Insert(keys.CAPTURE, capture.body())


def _head(row: Row) -> dict[str, Any] | None:
    """Return the head of an exchange; None where it cannot be read: then it is not shown."""
    try:
        return object_in(row)
    except Damaged:
        return None


def _id(key: str) -> str:
    return key.removeprefix(keys.CAPTURED)


def _time(key: str) -> str:
    return format_date_time(datetime.fromtimestamp(keys.time_of(key.removeprefix("q.")) / 1000, UTC))


def told(capture: Capture, now: datetime) -> dict[str, Any]:
    """Return what people are told of a capture."""
    kept = {name: value for name, value in asdict(capture).items() if name != "salt"}
    return {**kept, "running": capture.runs(now)}
