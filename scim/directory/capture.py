"""Captured requests and answers of a tenant: kept in pieces that fit a row, counted, and gone after a day."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from scim.directory import keys
from scim.directory.tenant import Tenant
from scim.protocol.errors import NotFound
from scim.protocol.resource import format_date_time, parse_date_time, to_stored_json
from scim.storage.damage import Damaged, Newer, known_in, record_in, unless_damaged
from scim.storage.rows import MAX_CHANGES, Delete, Insert, Replace, Row, RowChange, RowConflict

MAX_MINUTES, MAX_REQUESTS = 60, 1_000
KEPT = timedelta(hours=24)
"""How long an exchange is kept."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
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


def capture_in(row: Row) -> Capture:
    """Return the capture that a row tells of. Raises Damaged."""
    capture = Capture(**record_in(row, Capture))
    if parse_date_time(capture.started) is None or parse_date_time(capture.until) is None:
        raise Damaged(row.key, "one of its times is none")
    return capture


def capture_of(body: str) -> Capture | None:
    """Return the capture that a tenant's record tells of, as the row does; None where it cannot be read."""
    try:
        return capture_in(Row(keys.CAPTURE, body, ""))
    except Damaged:
        return None


_HEAD: Mapping[str, type] = {
    **dict.fromkeys(("method", "target", "base", "capture"), str),
    **dict.fromkeys(("status", "bytesSent", "bytesAnswered", "number", "pieces"), int),
    "replayable": bool,
}
"""What the head of an exchange has at least."""


def captured_in(row: Row) -> dict[str, Any]:
    """Return the head of an exchange. Raises Damaged."""
    read = known_in(row)
    if wrong := [name for name, kind in _HEAD.items() if type(read.get(name)) is not kind]:
        raise Damaged(row.key, f"its {wrong[0]} is missing, or has another type")
    return read


class Captured:
    """The exchanges that were captured of a tenant. Raises Unavailable."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def capture(self) -> Capture | None:
        """Return what is captured, or was captured last; None before the first."""
        with suppress(Newer):
            return (await self._kept())[1]
        return None

    async def _kept(self) -> tuple[Row | None, Capture | None]:
        """Return the row of the capture, and what it says: None where it cannot be read. Raises Newer."""
        row = await self._tenant.read(keys.CAPTURE)
        return row, unless_damaged(row, capture_in) if row else None

    async def begin(self, capture: Capture) -> None:
        """Capture from now on, in place of what was captured before, whose exchanges stay until they are too old.

        Raises Newer.
        """

        async def attempt(_: int) -> None:
            row, _before = await self._kept()
            await self._tenant.commit([_put(capture, row)])

        await self._tenant.retried(attempt)

    async def end(self) -> Capture | None:
        """Capture nothing more, at once in every process; return what was captured. Raises Newer."""

        async def attempt(_: int) -> Capture | None:
            row, capture = await self._kept()
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
            row, capture = await self._kept()
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
        """Return the head of an exchange and the whole. Raises NotFound, also where a piece is damaged, and Damaged."""
        row = await self._tenant.read(f"{keys.CAPTURED}{exchange_id}") if keys.is_captured(exchange_id) else None
        if row is None:
            raise NotFound(f"There is no exchange '{exchange_id[:64]}'; it is kept for 24 hours.")
        head = captured_in(row)
        wanted = [keys.piece_of(exchange_id, number) for number in range(min(head["pieces"], MAX_CHANGES))]
        whole = _whole("".join(each.body if each else "" for each in await self._tenant.read_all(wanted)))
        if whole is None:
            raise NotFound(f"The exchange '{exchange_id[:64]}' cannot be read; a piece of it is damaged.")
        return {"id": exchange_id, "time": _time(row.key), **head}, whole

    async def expire(self) -> int:
        """Delete one batch of rows that are too old, at last the word of the capture itself; return how many.

        They go in time whatever has become of that word.
        """
        row = await self._tenant.read(keys.CAPTURE)
        if row is None and not await self._any():
            return 0
        oldest = int((self._tenant.now() - KEPT).timestamp() * 1000)
        old: list[Row] = []
        for first, prefix in ((keys.captured(oldest, ""), keys.CAPTURED), (keys.piece_before(oldest), keys.PIECES)):
            old += await self._tenant.range(first, prefix + keys.BEYOND, MAX_CHANGES - len(old), keys_only=True)
            if len(old) == MAX_CHANGES:
                break
        changes: list[RowChange] = [Delete(each.key) for each in old]
        if not changes and row is not None and await self._is_over(row):
            changes.append(Delete(keys.CAPTURE, row.version))
        try:
            if changes:
                await self._tenant.commit(changes)
        except RowConflict:  # another run has deleted them, or somebody has begun anew
            return 0
        return len(changes)

    async def _any(self) -> bool:
        """Whether anything is left of what was captured."""
        return bool(await self._tenant.under(keys.EXCHANGES, 1, keys_only=True))

    async def _is_over(self, row: Row) -> bool:
        try:
            return _moment(capture_in(row).until) + KEPT < self._tenant.now()
        except Newer:
            return False
        except Damaged:
            return not await self._any()

    async def due(self) -> datetime | None:
        """Return when something has to go; None where nothing was captured."""
        now = self._tenant.now()
        row = await self._tenant.read(keys.CAPTURE)
        if row is None:
            return now if await self._any() else None
        try:
            return max(_moment(capture_in(row).started) + KEPT, now)
        except Damaged:
            return now


def _put(capture: Capture, row: Row | None) -> RowChange:
    return Replace(row.key, capture.body(), row.version) if row else Insert(keys.CAPTURE, capture.body())


def _head(row: Row) -> dict[str, Any] | None:
    """Return the head of an exchange; None where it cannot be read: then it is not shown."""
    try:
        return captured_in(row)
    except Damaged:
        return None


def _whole(text: str) -> dict[str, Any] | None:
    """Return request and answer of an exchange; None where they cannot be read."""
    try:
        whole = json.loads(text)
        sides = [whole["request"], whole["answer"]]
        texts = [text for each in sides for text in (each["body"], *each["headers"].values())]
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return None
    return whole if all(isinstance(each, str) for each in texts) else None


def _moment(text: str) -> datetime:
    """Return a time that `capture_in` has found to be one."""
    return parse_date_time(text) or _LONG_AGO


def _id(key: str) -> str:
    return key.removeprefix(keys.CAPTURED)


def _time(key: str) -> str:
    return format_date_time(datetime.fromtimestamp(keys.time_of(key.removeprefix("q.")) / 1000, UTC))


def told(capture: Capture, now: datetime) -> dict[str, Any]:
    """Return what people are told of a capture."""
    kept = {name: value for name, value in asdict(capture).items() if name != "salt"}
    return {**kept, "running": capture.runs(now)}
