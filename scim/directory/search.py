"""Searches over a tenant: pages by index and by cursor, from look-ups, from counts, or from a bounded scan."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from scim.directory import keys
from scim.directory.aside import aside
from scim.directory.cursor import Cursor, Position
from scim.directory.indexes import Indexes
from scim.directory.matching import (
    Budget,
    Candidate,
    Collection,
    Match,
    Room,
    ScanLimit,
    Walk,
    filled,
    readable,
    row_bytes,
    size_of,
)
from scim.directory.memberships import Memberships
from scim.directory.planning import Plan, Planner
from scim.directory.stored import Edge, Kind, Stored
from scim.directory.tenant import PAGE, Tenant
from scim.protocol.errors import TooMany
from scim.protocol.projection import Projection
from scim.protocol.query import DEFAULT_COUNT, SearchRequest
from scim.storage.damage import number_in
from scim.storage.rows import Row

MAX_EDGES = 200_000
"""Most memberships that one page carries; a response with more would not fit into an instance's memory."""
MAX_OWN_EDGES = 500_000
"""Most memberships of one resource that a search looks at, or returns with that resource alone.

So many took 240 MB of memory in Python 3.13 (24 Nov 2026).
"""
EDGES_AT_ONCE = 50_000
"""Most memberships of several resources that are read at a time, where it is not known how many they have."""

BATCH_BYTES = 4 * 1024 * 1024
"""Bytes of rows that are read at a time, about one answer of Table Storage."""
FIRST_ROWS = DEFAULT_COUNT + 1
"""Rows that are read before it is known how large they are: a page of the usual size, and who comes behind it."""
FIRST_OWNERS = 16
"""Resources whose memberships are read before it is known how many they have."""

SPARSE = 50
"""Up to so many resources that a filter left have their memberships read one by one."""


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
        cursor = Cursor(scope, kinds=len(kinds), ordered=bool(request.sort_by))
        position = None if request.cursor is None else cursor.decode(request.cursor)
        plans = await self._planner.plans(kinds, request.filter)
        scan = any(plan.ids is None for plan in plans)
        # A count of 0 asks for the total, by index as by cursor. RFC 9865 §2.
        counted = request.cursor is None or not request.count
        if request.sort_by or not scan or (request.filter and counted):
            page = await self._collected(plans, request, position)
        elif request.filter:
            page = await self._scanned(plans, request, position)
        else:
            page = await self._listed(kinds, request, position)
        read = self._edges_of_each
        if not (request.filter or request.sort_by):
            read = self._edges_of_neighbours
        elif scan and not request.sort_by and len(page.resources) > SPARSE:
            read = self._edges_of_many  # of a few it would read mostly what lies between them
        resources = await self._with_edges(page.resources, projections, read)
        return Page(resources, page.total, cursor.encode(page.following) if page.following else None)

    async def _collected(self, plans: Sequence[Plan], request: SearchRequest, position: Position | None) -> "_Part":
        """Find all matches, order them and cut out the page."""
        collection = Collection(plans, request, position)
        for plan in plans:
            budget = Budget(self._limit)
            if plan.ids is None and await self._total(plan.kind) > self._limit.rows:
                raise budget.exceeded(plan.kind)  # known by the counts before the first row is read
            async for batch in self._candidates(plan, ""):
                await aside(partial(collection.add, plan, batch, budget), size_of(plan, batch))
        chosen, following = collection.page()
        return _Part(await self._again(plans, chosen), collection.total, following)

    async def _again(self, plans: Sequence[Plan], chosen: Sequence[Match]) -> list[Stored]:
        """Return the page's resources: those that were let go are read again, and are left out if deleted since."""
        places = [match.key[-2:] for match in chosen if match.stored is None]
        rows = await self._tenant.read_all([plans[number].kind.key(resource_id) for number, resource_id in places])
        read = {
            place: stored
            for place, row in zip(places, rows, strict=True)
            if row and (stored := readable(plans[place[0]].kind, row))
        }
        return [found for match in chosen if (found := match.stored or read.get(match.key[-2:]))]

    async def _candidates(self, plan: Plan, after: str) -> AsyncIterator[list[Candidate]]:
        """Yield in batches the resources that a plan looks at, in the order of ids, those behind `after`."""
        kind, pace = plan.kind, _Pace(FIRST_OWNERS, EDGES_AT_ONCE // 2)
        read = self._memberships.between if plan.ids is None else self._memberships.of_each
        rows = self._rows(kind, kind.key(after)) if plan.ids is None else self._named(kind, plan.ids, after)
        async for batch in rows:
            if not plan.needs_edges:
                yield [Candidate(row) for row in batch]
                continue
            by_id = {keys.last_part(row.key): row for row in batch}
            async for edges in self._edges(kind, list(by_id), pace, read):
                yield [Candidate(by_id[each], edges[each]) for each in edges]

    async def _scanned(self, plans: Sequence[Plan], request: SearchRequest, position: Position | None) -> "_Part":
        """Walk by cursor through what must be looked at one by one, so that any filter can be walked to its end."""
        walk = Walk(request.count)
        first, last_id = position or (0, "")
        for number in range(first, len(plans)):
            plan, budget = plans[number], Budget(self._limit)
            walk.seen = last_id if number == first else ""
            async for batch in self._candidates(plan, walk.seen):
                if not await aside(partial(walk.goes_on, plan, batch, budget), size_of(plan, batch)):
                    return _Part(walk.found, None, (number, walk.seen))
        return _Part(walk.found, None, None)

    async def _listed(self, kinds: Sequence[Kind], request: SearchRequest, position: Position | None) -> "_Part":
        """List everybody: the total is a sum of counts, and a deep start skips from the right prefix only."""
        counts = [await self._counts(kind) for kind in kinds]
        total = sum(sum(each.values()) for each in counts)
        if request.cursor is None:
            return _Part(await self._slice(kinds, counts, request), total, None)
        found: list[Stored] = []
        room = Room(request.count)
        first, last_id = position or (0, "")
        for number in range(first, len(kinds)):
            kind = kinds[number]
            async for batch in self._rows(kind, kind.key(last_id if number == first else ""), room.left + 1):
                if not await _filled(found, room, kind, batch):
                    following = (kinds.index(found[-1].kind), found[-1].id) if found else None
                    return _Part(found, total, following)
        return _Part(found, total, None)

    async def _slice(
        self, kinds: Sequence[Kind], counts: Sequence[Mapping[str, int]], request: SearchRequest
    ) -> list[Stored]:
        found: list[Stored] = []
        room, skip = Room(request.count), request.start_index - 1
        for kind, counted in zip(kinds, counts, strict=True):
            size = sum(counted.values())
            if skip < size and room.left:
                async for batch in self._rows(kind, await self._nth(kind, counted, skip), room.left):
                    if not await _filled(found, room, kind, batch):
                        return found
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

    async def _rows(self, kind: Kind, after: str, limit: int = sys.maxsize) -> AsyncIterator[list[Row]]:
        """Yield the first `limit` rows of a kind behind a key, as many at a time as memory is sure to hold."""
        pace, last = _Pace(FIRST_ROWS, BATCH_BYTES), max(after, kind.prefix)
        while limit > 0:
            number = min(pace.number, limit)
            rows = await self._range(last, kind.prefix + keys.BEYOND, number)
            if rows:
                yield rows
            if len(rows) < number:
                return
            last, limit = rows[-1].key, limit - number
            pace.adapt(len(rows), sum(map(row_bytes, rows)))

    async def _named(self, kind: Kind, ids: Sequence[str], after: str) -> AsyncIterator[list[Row]]:
        """Yield the rows of ids behind `after`, as many at a time as memory is sure to hold."""
        pace, left = _Pace(FIRST_ROWS, BATCH_BYTES), [each for each in ids if each > after]
        while left:
            now, left = left[: pace.number], left[pace.number :]
            rows = [row for row in await self._tenant.read_all([kind.key(each) for each in now]) if row]
            if rows:
                yield rows
            if rows and left:
                pace.adapt(len(rows), sum(map(row_bytes, rows)))

    async def _range(self, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        return await self._tenant.range(after, before, limit, keys_only)

    async def _total(self, kind: Kind) -> int:
        return sum((await self._counts(kind)).values())

    async def _counts(self, kind: Kind) -> dict[str, int]:
        """Return how many resources have ids that begin with the same two digits.

        A count that cannot be read is unknown: then those resources are counted, within the limit of a scan.
        """
        rows = await self._tenant.under(keys.counts(kind.letter))
        counted = {keys.last_part(row.key): number_in(row) for row in rows}
        left = self._limit.rows
        for prefix in [each for each, number in counted.items() if number is None]:
            counted[prefix] = len(await self._tenant.under(kind.key(prefix), left + 1, keys_only=True))
            left -= counted[prefix] or 0
            if left < 0:
                raise Budget(self._limit).exceeded(kind)
        return {prefix: number or 0 for prefix, number in counted.items()}

    async def _with_edges(
        self, found: list[Stored], projections: Mapping[str, Projection], read: "_ReadEdges"
    ) -> list[Stored]:
        """Return the page's resources with memberships where the client gets to see them."""
        result: list[Stored] = []
        for name, projection in projections.items():
            batch = [each for each in found if each.kind.type.name == name]
            if batch and projection.wants(batch[0].kind.edges):
                edges = await read(batch[0].kind, [each.id for each in batch])
                batch = [each.with_edges(edges[each.id]) for each in batch]
            result += batch
        return result if len(projections) == 1 else _in_order_of(found, result)

    async def _edges_of_neighbours(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, list[Edge]]:
        """Return the memberships of a listing's page by id, read as one range: nobody else lies between."""
        if len(ids) == 1:
            return await self._edges_of_each(kind, ids)
        edges = await self._memberships.between(kind.letter, ids, MAX_EDGES)
        if edges is None:
            raise TooMany(_too_many_edges(kind))
        return edges

    async def _edges_of_many(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, list[Edge]]:
        """Return the memberships of many that a filter left; one range is best unless too much lies between them."""
        edges = await self._memberships.between(kind.letter, ids, EDGES_AT_ONCE)
        return await self._edges_of_each(kind, ids) if edges is None else edges

    async def _edges_of_each(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, list[Edge]]:
        """Return the memberships of resources that lie apart, by id; of one alone, as many as a filter may look at."""
        found: dict[str, list[Edge]] = {}
        pace = _Pace(FIRST_OWNERS, EDGES_AT_ONCE // 2)
        async for edges in self._edges(kind, ids, pace, self._memberships.of_each):
            found |= edges
            if len(ids) > 1 and sum(map(len, found.values())) > MAX_EDGES:
                raise TooMany(_too_many_edges(kind))
        return found

    async def _edges(
        self, kind: Kind, ids: Sequence[str], pace: "_Pace", read: "_ReadSome"
    ) -> AsyncIterator[dict[str, list[Edge]]]:
        """Yield the memberships of resources by id, those of as many at a time as memory is sure to hold."""
        left = ids
        while left:
            some = left[: pace.number]
            if len(some) > 1:
                edges = await read(kind.letter, some, EDGES_AT_ONCE)
            elif (edges := await self._memberships.between(kind.letter, some, MAX_OWN_EDGES)) is None:
                raise TooMany(_too_many_of_one(kind, some[0]))
            if edges is None:
                pace.number = len(some) // 2
                continue
            yield edges
            left = left[len(some) :]
            pace.adapt(len(some), sum(map(len, edges.values())))


_ReadSome = Callable[[str, Sequence[str], int], Awaitable[dict[str, list[Edge]] | None]]
"""Reads the memberships of resources of a kind, None when there are more than a limit."""
_ReadEdges = Callable[[Kind, Sequence[str]], Awaitable[Mapping[str, list[Edge]]]]
"""Reads the memberships of a page, or says that there are too many."""


class _Pace:
    """How many are read at a time: ids are random, so that those before are a sample of those that follow."""

    def __init__(self, first: int, weight: int) -> None:
        """`weight` is what those that are read at a time shall come to."""
        self.number, self._weight = first, weight

    def adapt(self, number: int, weight: int) -> None:
        """Read as many from now on as come to the weight if they are like these."""
        self.number = max(1, min(PAGE, self._weight * number // max(1, weight)))


class _Part(NamedTuple):
    """A page without memberships; `following` is where the next one begins, None where there is none."""

    resources: list[Stored]
    total: int | None
    following: Position | None


async def _filled(found: list[Stored], room: Room, kind: Kind, rows: Sequence[Row]) -> bool:
    return await aside(partial(filled, found, room, kind, rows), sum(len(row.body) for row in rows))


def _scope(request: SearchRequest) -> list[str | None]:
    return [request.filter, request.sort_by, request.sort_order]


def _in_order_of(found: list[Stored], loaded: list[Stored]) -> list[Stored]:
    by_id = {each.id: each for each in loaded}
    return [by_id[each.id] for each in found]


def _too_many_edges(kind: Kind) -> str:
    return (
        f"The page has more than {MAX_EDGES:,} {kind.edges}. Ask for a smaller count, or with"
        f" excludedAttributes={kind.edges}."
    )


def _too_many_of_one(kind: Kind, resource_id: str) -> str:
    return (
        f"The {kind.type.name} {resource_id} alone has more than {MAX_OWN_EDGES:,} {kind.edges}. Compare them in the"
        f" filter by '{kind.edges}.value eq' only, and ask with excludedAttributes={kind.edges}."
    )
