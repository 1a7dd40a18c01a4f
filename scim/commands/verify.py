"""`python -m scim verify`: walks a tenant, says where its rows disagree, and repairs what follows from documents."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from scim.access.registry import Registry
from scim.access.tenants import DEFAULT_KEY
from scim.app import from_environ
from scim.commands.command import DONE, FAILED, Parser, add_tenant
from scim.commands.differences import PARTS, Differences, Sink, Sums
from scim.commands.inspection import Finding, Inspection, Suspect, document_of, fits, problem, same
from scim.commands.progress import Progress, Silent, shown
from scim.commands.twins import Twins
from scim.commands.unreadable import Unreadable
from scim.directory import keys
from scim.directory.counts import COUNTED, letters
from scim.directory.stored import Kind
from scim.directory.tenant import PAGE, TRIES, Tenant
from scim.protocol.resource import Resource
from scim.service.tenants import TenantService
from scim.storage.damage import Damaged, Newer
from scim.storage.rows import MAX_CHANGES, Delete, Insert, Row, RowChange, RowConflict
from scim.storage.together import together

HELD = 200_000
"""About how many keys of rows are held at once to find those that disagree."""
AT_ONCE = 16
"""Repairs at the same time."""
OVERDUE = timedelta(days=1)
"""How long after their retention change rows may still be there before that is worth a line."""


@dataclass
class Report:
    """What a verification has found."""

    resources: Counter[str] = field(default_factory=Counter)
    memberships: int = 0
    pending: int = 0
    findings: dict[str, bool] = field(default_factory=dict)
    """Each finding, and whether it was repaired."""
    remarks: int = 0
    """How many things are not wrong and worth a look."""

    @property
    def left(self) -> int:
        """How many findings were not repaired."""
        return len(self.findings) - sum(self.findings.values())

    def summary(self) -> str:
        """Return the last line of the output."""
        what = f"{self.resources['u']:,} users, {self.resources['g']:,} groups, {self.memberships:,} memberships"
        pending = f", {self.pending:,} deletes for the timer to finish" if self.pending else ""
        found = len(self.findings)
        repaired = f", {found - self.left:,} repaired, {self.left:,} left" if found > self.left else ""
        remarks = f", {self.remarks:,} remarks" if self.remarks else ""
        return f"{what}{pending}: " + (f"{found:,} findings{repaired}" if found else "nothing is wrong") + remarks


class _Owner(NamedTuple):
    """A resource that memberships may belong to."""

    id: str
    kind: str


class Verification:
    """A walk through a tenant, and more of them where it finds differences; others may change the tenant meanwhile.

    It holds sums, the ids of tombstones, and what looks wrong: never the tenant.
    """

    def __init__(self, service: TenantService, repair: bool, say: Callable[[str], None], progress: Progress) -> None:
        self._service, self._repair, self._say, self._progress = service, repair, say, progress
        self._tenant: Tenant = service.tenant
        self._kinds: dict[str, Kind] = {kind.letter: kind for kind in service.kinds.values()}
        self._inspection = Inspection(service.tenant, service.kinds.values())
        self._attributes = {
            keys.all_look_ups(kind.letter, path): f"{kind.letter}.{path}"
            for kind in service.kinds.values()
            for path in kind.filterable
        }
        self._complete: frozenset[str] = frozenset()
        self._suspects: set[Suspect] = set()
        self._graves: dict[str, str] = {}
        self._report = Report()

    async def run(self) -> Report:
        """Return what is wrong, after repairing what can be repaired if that is asked for."""
        await self._check_look_ups()
        await self._check_change_rows()
        await self._check_strangers()
        await Unreadable(self._service, self._repair, self._note).check()
        sums, twins = Sums(), Twins()
        await self._walk(sums, twins)
        uneven = sums.uneven()
        size = max(1, HELD * PARTS // max(sums.rows, 1))
        for start in range(0, len(uneven), size):
            differences = Differences(uneven[start : start + size])
            await self._walk(differences)
            self._suspects |= differences.suspects()
        await self._judge()
        await self._remark(twins)
        if self._repair:
            await self._service.indexes.declare_complete(self._complete)
        self._report.pending = len(await self._service.directory.tombstones.all())
        return self._report

    # What is wrong as a whole

    async def _check_look_ups(self) -> None:
        """Make the look-ups of attributes that became filterable; find those of attributes that are no longer."""
        recorded, configured = await self._recorded_look_ups(), self._service.indexes.configured
        if not any([await self._tenant.under(kind.prefix, 1, keys_only=True) for kind in self._kinds.values()]):
            recorded |= configured  # a tenant without resources has all of their look-ups
        self._complete, lacking = recorded & configured, configured - recorded
        if lacking and self._repair:
            for kind in self._kinds.values():
                await self._make_look_ups(kind)
            self._complete = configured
        for path in sorted(lacking):
            text = f"{path}: its look-ups were never completed, so filters on it read every resource"
            self._note(text, repaired=self._repair)
        for path in sorted(recorded - configured):
            self._note(f"{path}: the service looks it up, but SCIM_FILTERABLE here lacks it; set it as in the service")
        if recorded <= configured:
            await self._check_former_look_ups()

    async def _recorded_look_ups(self) -> frozenset[str]:
        try:
            return await self._service.indexes.recorded()
        except Damaged as damaged:
            self._repair &= not isinstance(damaged, Newer)  # what that has written is not for this release to change
            self._note(f"{keys.INDEXES}: {damaged.why}", self._repair)
        return frozenset()

    async def _check_former_look_ups(self) -> None:
        after = "x."
        while row := await self._first(after, "x." + keys.BEYOND):
            prefix = _look_ups_of(row.key)
            if prefix == "x.":
                self._note(f"{row.key}: no row of this version of the product")
            elif prefix not in self._attributes:
                self._note(f"{prefix}*: look-ups of an attribute that is not filterable any longer", self._repair)
                await self._clear(prefix)
            after = prefix + keys.BEYOND if len(prefix) > 2 else row.key

    async def _make_look_ups(self, kind: Kind) -> None:
        gate = asyncio.Semaphore(AT_ONCE)
        done = 0
        async for page in self._tenant.pages(kind.prefix):
            wanted = {row.key: sorted(self._needed(kind, row)) for row in page}
            every = [key for listed in wanted.values() for key in listed]
            there = {row.key for row in await self._tenant.read_all(every) if row}
            missing = [(row, [key for key in wanted[row.key] if key not in there]) for row in page]
            await together(*(self._add_look_ups(gate, row, lacking) for row, lacking in missing if lacking))
            done += len(page)
            self._progress.at("new look-ups", done, _about(done, page[-1].key))

    def _needed(self, kind: Kind, row: Row) -> set[str]:
        """The look-up rows of attributes whose look-ups are not complete; none for a resource with too many."""
        resource_id, document = keys.last_part(row.key), document_of(kind, row)
        if document is None or not fits(kind, resource_id, document):
            return set()
        look_ups = kind.look_ups(resource_id, document)
        return {key for key in look_ups if self._attributes[_look_ups_of(key)] not in self._complete}

    async def _add_look_ups(self, gate: asyncio.Semaphore, row: Row, lacking: list[str]) -> None:
        async with gate:
            try:
                await self._commit([same(row), *(Insert(key, "") for key in lacking)])
            except RowConflict:  # the resource has changed; it is looked at closely then
                self._suspects |= {Suspect("look-up", key) for key in lacking}

    async def _clear(self, prefix: str) -> None:
        while self._repair and (rows := await self._tenant.under(prefix, MAX_CHANGES, keys_only=True)):
            await self._tenant.commit([Delete(row.key) for row in rows])

    async def _check_change_rows(self) -> None:
        oldest = self._tenant.now() - timedelta(days=self._service.retention_days) - OVERDUE
        if await self._first(keys.change(0, ""), keys.change(int(oldest.timestamp() * 1000), "")):
            self._note("e.*: change rows are older than SCIM_CHANGE_RETENTION_DAYS; does the timer run?")

    async def _check_strangers(self) -> None:
        """Find rows of kinds that there are not, without reading the others."""
        after = ""
        for letter in (*"acefghjkmnopqrstuvwx", keys.BEYOND):
            if row := await self._first(after, f"{letter}."):
                self._note(f"{row.key}: no row of this version of the product")
            after = f"{letter}.{keys.BEYOND}"

    async def _first(self, after: str, before: str) -> Row | None:
        return next(iter(await self._tenant.range(after, before, 1, keys_only=True)), None)

    # Walking

    async def _walk(self, sink: Sink, twins: Twins | None = None) -> None:
        """Tell the sink of every row that follows from another; suspect what looks wrong by itself."""
        graves = await self._tenant.under(keys.tombstone())
        self._graves = {keys.entombed(row.key): row.body or "g" for row in graves}
        self._suspects |= {Suspect("tombstone", row.key) for row in graves}
        self._report.memberships = 0
        async for row, group in _joined(self._resources("g", sink, twins), self._rows("m.", "members")):
            self._report.memberships += 1
            sink.expect("membership", row.key, row.body)
            if group is None and row.key.split(".")[1] not in self._graves:
                self._suspects.add(Suspect("membership", row.key))
        everybody = _merged(self._resources("u", sink, twins), self._groups())
        async for row, member in _joined(everybody, self._rows("r.", "groups", keys_only=True)):
            _, member_id, group_id = row.key.split(".")
            kind = member.kind if member else self._graves.get(member_id, "")
            sink.find("membership", keys.member(group_id, member_id), kind)  # of nobody: never the kind expected
        async for row in self._rows("n.", "names"):
            sink.find("name", row.key, row.body)
        async for row in self._rows("x.", "look-ups", keys_only=True):
            if self._attributes.get(_look_ups_of(row.key)) in self._complete:
                sink.find("look-up", row.key)

    async def _resources(self, letter: str, sink: Sink, twins: Twins | None) -> AsyncIterator[_Owner]:
        kind = self._kinds[letter]
        counted: Counter[str] = Counter()
        async for row in self._rows(kind.prefix, kind.type.endpoint.strip("/").lower()):
            resource_id = keys.last_part(row.key)
            if problem(kind, row):
                self._suspects.add(Suspect("document", row.key))
            if document := document_of(kind, row):
                self._expect(kind, resource_id, document, sink)
                if twins:
                    twins.see(kind, document)
            counted.update(keys.count(each, resource_id) for each in letters(kind, document or {}))
            yield _Owner(resource_id, letter)
        self._report.resources[letter] = sum(counted[key] for key in counted if key.startswith(keys.counts(letter)))
        found = {row.key: row.body for each in COUNTED[letter] for row in await self._tenant.under(keys.counts(each))}
        wrong = [key for key in counted | found if found.get(key, "0") != str(counted[key])]
        self._suspects |= {Suspect("count", key) for key in wrong}

    def _expect(self, kind: Kind, resource_id: str, document: Resource, sink: Sink) -> None:
        for key in kind.names(document):
            sink.expect("name", key, resource_id)
        for key in kind.look_ups(resource_id, document):
            if self._attributes[_look_ups_of(key)] in self._complete:
                sink.expect("look-up", key)

    async def _groups(self) -> AsyncIterator[_Owner]:
        async for page in self._tenant.pages(keys.resource("g", ""), keys_only=True):
            for row in page:
                yield _Owner(keys.last_part(row.key), "g")

    async def _rows(self, prefix: str, stage: str, keys_only: bool = False) -> AsyncIterator[Row]:
        done = 0
        async for page in self._tenant.pages(prefix, keys_only=keys_only):
            for row in page:
                yield row
            done += len(page)
            self._progress.at(stage, done, _about(done, page[-1].key))

    async def _remark(self, twins: Twins) -> None:
        """Say who is easily taken for somebody else, which is not wrong."""
        for kind in self._kinds.values() if twins.suspected else ():
            async for row in self._rows(kind.prefix, "twins"):
                if document := document_of(kind, row):
                    twins.look_again(kind, keys.last_part(row.key), document)
        for text in twins.remarks():
            self._report.remarks += 1
            self._say(f"remark: {text}")

    # Judging

    async def _judge(self) -> None:
        gate = asyncio.Semaphore(AT_ONCE)
        ordered = sorted(self._suspects, key=lambda each: (each.sort, each.about))
        for start in range(0, len(ordered), PAGE):
            await together(*(self._settle(gate, each) for each in ordered[start : start + PAGE]))
            self._progress.at("suspects", start, len(ordered))

    async def _settle(self, gate: asyncio.Semaphore, suspect: Suspect) -> None:
        """Note what is wrong with a suspect, and repair it, in several steps if need be."""
        async with gate:
            for _ in range(TRIES):
                finding = await self._inspection.examine(suspect)
                if finding is None:
                    return
                if not self._repair or not finding.repair:
                    self._leave(suspect, finding)
                    return
                try:
                    await self._commit(finding.repair)
                except RowConflict:
                    continue
                self._note(finding.text, repaired=True)
            if finding := await self._inspection.examine(suspect):
                self._leave(suspect, finding)

    def _leave(self, suspect: Suspect, finding: Finding) -> None:
        self._note(finding.text)
        if suspect.sort == "look-up":
            self._complete -= {self._attributes[_look_ups_of(suspect.about)]}

    async def _commit(self, changes: Sequence[RowChange]) -> None:
        await self._tenant.commit([*changes, self._tenant.change_row(operation="repair")])

    def _note(self, text: str, repaired: bool = False) -> None:
        if text not in self._report.findings:
            self._say(text + (" (repaired)" if repaired else ""))
        self._report.findings[text] = repaired


def _look_ups_of(key: str) -> str:
    """What the look-up rows of the same attribute begin with; "x." where the key is none of a look-up."""
    prefix, *rest = key.rsplit(".", 2)
    return f"{prefix}." if len(rest) == 2 and prefix.count(".") >= 2 else "x."


def _about(done: int, key: str) -> int | None:
    """Guess how many rows there are from how far among all ids the last one lies; None where keys have no ids."""
    start = key.split(".")[1][:8]
    if len(start) < 8 or not set(start) <= set("0123456789abcdef"):
        return None
    return round(done * 2**32 / (int(start, 16) + 1))


async def _joined(owners: AsyncIterator[_Owner], edges: AsyncIterator[Row]) -> AsyncIterator[tuple[Row, _Owner | None]]:
    """Yield each row with the owner whose id comes first in its key; both come in the order of ids."""
    owner = await anext(owners, None)
    async for row in edges:
        wanted = row.key.split(".")[1]
        while owner and owner.id < wanted:
            owner = await anext(owners, None)
        yield row, owner if owner and owner.id == wanted else None
    while owner:
        owner = await anext(owners, None)


async def _merged(*sources: AsyncIterator[_Owner]) -> AsyncIterator[_Owner]:
    """Yield what all sources yield, in the order of ids."""
    heads = [(source, await anext(source, None)) for source in sources]
    while waiting := [(head, source) for source, head in heads if head]:
        first, chosen = min(waiting, key=lambda each: each[0])
        yield first
        heads = [(source, await anext(source, None) if source is chosen else head) for source, head in heads]


async def verify(
    service: TenantService, repair: bool, say: Callable[[str], None], progress: Progress | None = None
) -> Report:
    """Return what is wrong with a tenant, saying each finding as it is found; repair it if asked for."""
    return await Verification(service, repair, say, progress or Silent()).run()


async def _check_registry(registry: Registry, report: Report) -> None:
    """Find tenants and credentials that cannot be read; beside the default tenant, since they are of none."""
    for damaged in await registry.damaged():
        report.findings[damaged.detail] = False
        sys.stdout.write(f"registry: {damaged.detail}\n")


async def _run(key: str, repair: bool) -> int:
    app = from_environ(serving=False, existing=True)
    try:
        with shown() as progress:
            report = await verify(await app.serving(key), repair, partial(print, flush=True), progress)
            if key == DEFAULT_KEY:
                await _check_registry(app.registry, report)
    finally:
        await app.close()
    sys.stdout.write(report.summary() + "\n")
    return FAILED if report.left else DONE


def main(arguments: list[str]) -> int:
    """Verify a tenant of the store that the settings name.

    Returns 0 when nothing is wrong (any more), else 1. Raises what `command` tells when that cannot be found out.
    """
    parser = Parser("python -m scim verify", description="Check that the rows of a tenant agree.")
    parser.add_argument("--repair", action="store_true", help="put right what follows from documents and memberships")
    add_tenant(parser)
    options = parser.parse_args(arguments)
    return asyncio.run(_run(options.tenant, options.repair))
