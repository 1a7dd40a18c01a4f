"""Searches over a tenant: pages by index and by cursor, from look-ups, from counts, or from a bounded scan."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scim import keys
from scim.cursor import Cursor, Position
from scim.errors import InvalidPath, InvalidValue, TooMany
from scim.filter import AttributePath, parse_attribute
from scim.indexes import Indexes
from scim.memberships import Memberships
from scim.planning import Plan, Planner
from scim.query import SearchRequest, sort_key
from scim.resource import Projection
from scim.rows import Row
from scim.stored import Kind, Stored
from scim.tenant import PAGE, Tenant

MAX_EDGES = 200_000
"""Most memberships that one page carries; a response with more would not fit into an instance's memory."""

SORT_LENGTH = 200
"""Characters of a value that sorting looks at; values that begin alike come in the order of ids."""

SPARSE = 50
"""Up to so many resources that a filter left have their memberships read one by one."""
REST_SECONDS = 0.02
"""How long a search compares without letting other requests in."""


@dataclass(frozen=True, slots=True)
class ScanLimit:
    """How much one search may read when no look-up serves it: rows, and seconds."""

    rows: int = 20_000
    seconds: float = 20.0


class Page(NamedTuple):
    """A page of resources; `total` is None where counting would cost a scan, `next_cursor` where nothing follows."""

    resources: list[Stored]
    total: int | None
    next_cursor: str | None = None


class Search:
    """Searches of a tenant's resources. RFC 7644 §3.4.2, RFC 9865 §2."""

    def __init__(self, tenant: Tenant, memberships: Memberships, indexes: Indexes, limit: ScanLimit) -> None:
        self._tenant = tenant
        self._memberships = memberships
        self._planner = Planner(tenant, indexes, limit.rows)
        self._limit = limit

    async def page(self, kinds: Sequence[Kind], request: SearchRequest, projections: Mapping[str, Projection]) -> Page:
        """Return the page that the request asks for, of the resources of these kinds, one kind after the other.

        `projections` says by resource type name whether memberships have to be read. Raises InvalidFilter,
        InvalidValue for sortBy, InvalidCursor, and TooMany when no look-up serves the request and there is too much
        to read.
        """
        scope = [self._tenant.name, *(kind.letter for kind in kinds), *_scope(request)]
        cursor = Cursor(scope, ordered=bool(request.sort_by))
        position = None if request.cursor is None else cursor.decode(request.cursor)
        plans = await self._planner.plans(kinds, request.filter)
        scan = any(plan.ids is None for plan in plans)
        if request.sort_by or not scan or (request.filter and request.cursor is None):
            page = await self._collected(plans, request, position)
        elif request.filter:
            page = await self._scanned(plans, request, position)
        else:
            page = await self._listed(kinds, request, position)
        # What a filter left may lie far apart: a few are read one by one, not with everybody between them.
        apart = not scan or bool(request.sort_by) or (bool(request.filter) and len(page.resources) <= SPARSE)
        resources = await self._with_edges(page.resources, projections, neighbours=not apart)
        return Page(resources, page.total, cursor.encode(page.following) if page.following else None)

    async def _collected(self, plans: Sequence[Plan], request: SearchRequest, position: Position | None) -> "_Part":
        """Find all matches, order them and cut out the page."""
        order = _order(plans, request.sort_by)
        reverse = bool(request.sort_by) and (request.sort_order or "").lower() == "descending"
        found = [(order(each), each) for plan in plans async for each in self._matches(plan)]
        found.sort(key=lambda entry: entry[0], reverse=reverse)
        start = request.start_index - 1
        if request.cursor is not None:
            start = 0 if position is None else sum(1 for key, _ in found if not _behind(key, position, reverse))
        chosen = found[start : start + request.count]
        more = request.cursor is not None and chosen and start + len(chosen) < len(found)
        return _Part([each for _, each in chosen], len(found), chosen[-1][0] if more else None)

    async def _matches(self, plan: Plan) -> AsyncIterator[Stored]:
        budget = _Budget(self._limit)
        async for batch in self._candidates(plan, ""):
            if budget.spent(len(batch)):
                raise TooMany(_too_many(plan.kind, self._limit))
            for each in batch:
                if await budget.over():
                    raise TooMany(_too_many(plan.kind, self._limit))
                if plan.matches is None or plan.matches(each.resource("")):
                    yield each

    async def _candidates(self, plan: Plan, after: str) -> AsyncIterator[list[Stored]]:
        """Yield in batches the resources that a plan looks at, in the order of ids, those behind `after`."""
        kind = plan.kind
        if plan.ids is None:
            async for rows in self._tenant.pages(kind.prefix, kind.key(after)):
                batch = [Stored.from_row(kind, row) for row in rows]
                yield await self._edges_between(batch) if plan.needs_edges else batch
            return
        ids = [each for each in plan.ids if each > after]
        for start in range(0, len(ids), PAGE):
            found = await self._tenant.read_all([kind.key(each) for each in ids[start : start + PAGE]])
            batch = [Stored.from_row(kind, row) for row in found if row]
            yield await self._edges_of_each(batch) if plan.needs_edges else batch

    async def _scanned(self, plans: Sequence[Plan], request: SearchRequest, position: Position | None) -> "_Part":
        """Walk by cursor through what must be looked at one by one.

        A page ends when it is full or enough was read; the next request goes on from there, so that any filter can
        be walked to its end.
        """
        found: list[Stored] = []
        budget = _Budget(self._limit)
        first, last_id = position or (0, "")
        for number in range(first, len(plans)):
            plan, seen = plans[number], last_id if number == first else ""
            async for batch in self._candidates(plan, seen):
                for each in batch:
                    if plan.matches is None or plan.matches(each.resource("")):
                        if len(found) == request.count:
                            return _Part(found, None, (number, seen) if found else None)
                        found.append(each)
                    seen = each.id
                if budget.spent(len(batch)):
                    return _Part(found, None, (number, seen))
        return _Part(found, None, None)

    async def _listed(self, kinds: Sequence[Kind], request: SearchRequest, position: Position | None) -> "_Part":
        """List everybody: the total is a sum of counts, and a deep start skips from the right prefix only."""
        counts = [await self._counts(kind) for kind in kinds]
        total = sum(sum(each.values()) for each in counts)
        if request.cursor is None:
            return _Part(await self._slice(kinds, counts, request), total, None)
        found: list[Stored] = []
        first, last_id = position or (0, "")
        for number in range(first, len(kinds)):
            wanted = request.count + 1 - len(found)
            after = kinds[number].key(last_id if number == first else "")
            found += await self._rows(kinds[number], after, wanted)
        chosen = found[: request.count]
        following = (kinds.index(chosen[-1].kind), chosen[-1].id) if chosen and len(found) > len(chosen) else None
        return _Part(chosen, total, following)

    async def _slice(
        self, kinds: Sequence[Kind], counts: Sequence[Mapping[str, int]], request: SearchRequest
    ) -> list[Stored]:
        found: list[Stored] = []
        skip = request.start_index - 1
        for kind, counted in zip(kinds, counts, strict=True):
            size = sum(counted.values())
            if skip < size and len(found) < request.count:
                found += await self._rows(kind, await self._nth(kind, counted, skip), request.count - len(found))
            skip = max(skip - size, 0)
        return found

    async def _nth(self, kind: Kind, counts: Mapping[str, int], skip: int) -> str:
        """Return a key behind which the resources from the given place on lie; only keys are read to find it."""
        start = kind.prefix
        for prefix, size in sorted(counts.items()):
            if skip < size:
                start = kind.key(prefix)
                break
            skip -= size
        skipped = await self._range(start, kind.prefix + keys.BEYOND, skip, keys_only=True) if skip else []
        return skipped[-1].key if skipped else start

    async def _rows(self, kind: Kind, after: str, limit: int) -> list[Stored]:
        if limit <= 0:
            return []
        rows = await self._range(after, kind.prefix + keys.BEYOND, limit)
        return [Stored.from_row(kind, row) for row in rows]

    async def _range(self, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        return await self._tenant.range(after, before, limit, keys_only)

    async def _counts(self, kind: Kind) -> dict[str, int]:
        rows = await self._tenant.under(keys.counts(kind.letter))
        return {keys.last_part(row.key): int(row.body) for row in rows}

    async def _with_edges(
        self, found: list[Stored], projections: Mapping[str, Projection], neighbours: bool
    ) -> list[Stored]:
        """Return the page's resources with memberships where the client gets to see them."""
        result: list[Stored] = []
        for name, projection in projections.items():
            batch = [each for each in found if each.kind.type.name == name]
            if batch and projection.wants(batch[0].kind.edges):
                batch = await (self._edges_between(batch) if neighbours else self._edges_of_each(batch))
            result += batch
        return result if len(projections) == 1 else _in_order_of(found, result)

    async def _edges_between(self, batch: list[Stored]) -> list[Stored]:
        letter = batch[0].kind.letter
        edges = await self._memberships.between(letter, batch[0].id, batch[-1].id, MAX_EDGES)
        if edges is None:
            raise TooMany(
                f"The page has more than {MAX_EDGES:,} memberships. Ask for a smaller count, or with"
                f" excludedAttributes={batch[0].kind.edges}."
            )
        return [each.with_edges(edges.get(each.id, [])) for each in batch]

    async def _edges_of_each(self, batch: list[Stored]) -> list[Stored]:
        if len(batch) == 1:
            return [await self._memberships.attached(batch[0])]  # a search for one name: no task for it
        return list(await asyncio.gather(*(self._memberships.attached(each) for each in batch)))


class _Part(NamedTuple):
    """A page without memberships; `following` is where the next one begins, None where there is none."""

    resources: list[Stored]
    total: int | None
    following: Position | None


class _Budget:
    """What a search may still read."""

    def __init__(self, limit: ScanLimit) -> None:
        self._rows = limit.rows
        self._end = time.monotonic() + limit.seconds
        self._rested = time.monotonic()

    def spent(self, rows: int) -> bool:
        """Count rows that were read; whether that was too much, or took too long."""
        self._rows -= rows
        return self._rows < 0 or time.monotonic() > self._end

    async def over(self) -> bool:
        """Whether the time is over; asked before each resource, it also lets other requests in from time to time."""
        now = time.monotonic()
        if now - self._rested > REST_SECONDS:
            await asyncio.sleep(0)
            self._rested = time.monotonic()
        return now > self._end


def _scope(request: SearchRequest) -> list[str | None]:
    return [request.filter, request.sort_by, (request.sort_order or "").lower() or None]


def _order(plans: Sequence[Plan], sort_by: str | None) -> Callable[[Stored], Position]:
    """Return the key that orders a search's matches: by sortBy, then by kind, then by id."""
    place = {plan.kind.letter: number for number, plan in enumerate(plans)}
    if not sort_by:
        return lambda each: (place[each.kind.letter], each.id)
    path = _sort_path(sort_by)
    targets = {plan.kind.letter: plan.kind.type.resolve(path) for plan in plans}
    if any(target and target.leaf and target.leaf.returned == "never" for target in targets.values()):
        raise InvalidValue(f"sortBy: {sort_by[:100]} is never returned, so that its order is not told either.")
    if not any(targets.values()):
        raise InvalidValue(f"sortBy: no attribute is named '{sort_by[:100]}'; /Schemas lists those there are.")
    by = {letter: sort_key(target) for letter, target in targets.items() if target}

    def key(each: Stored) -> Position:
        letter = each.kind.letter
        own = by[letter](each.resource("")) if letter in by else (1,)
        # A cursor holds the key and must fit into a URL.
        own = tuple(part[:SORT_LENGTH] if isinstance(part, str) else part for part in own)
        return (own, place[letter], each.id)

    return key


def _sort_path(sort_by: str) -> AttributePath:
    try:
        return parse_attribute(sort_by)
    except InvalidPath as error:
        raise InvalidValue(f"sortBy: {error.detail}") from None


def _behind(key: Position, position: Position, reverse: bool) -> bool:
    return key < position if reverse else key > position


def _in_order_of(found: list[Stored], loaded: list[Stored]) -> list[Stored]:
    by_id = {each.id: each for each in loaded}
    return [by_id[each.id] for each in found]


def _too_many(kind: Kind, limit: ScanLimit) -> str:
    served = ", ".join(["id", *kind.unique, *kind.filterable])
    return (
        f"The search would read more than {limit.rows:,} rows or take more than {limit.seconds:g} s. Search with 'eq'"
        f" on one of {served}, alone or joined to the rest by 'and'; or walk by cursor without sortBy, which has no"
        " such limit."
    )
