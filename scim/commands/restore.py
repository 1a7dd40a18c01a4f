"""`python -m scim import`: makes a tenant of a file that `export` has written; `transfer` has the format."""

import asyncio
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from scim.app import from_environ
from scim.commands.command import DONE, FAILED, Failure, Parser, add_tenant
from scim.commands.progress import Progress, Silent, shown
from scim.commands.transfer import ORDER, BrokenFile, Entry, Link, Reader
from scim.directory import keys, memberships
from scim.directory.counts import letters
from scim.directory.events import Event, changed_paths, events_of, outbox_row
from scim.directory.memberships import Plan
from scim.directory.stored import Edge, Stored
from scim.directory.tombstones import merged
from scim.protocol.resource import Resource, to_stored_json
from scim.service.tenants import TenantService
from scim.storage.damage import Damaged
from scim.storage.rows import MAX_CHANGES, Insert, Replace, RowChange, Touch

MAX_BATCH_BYTES = 3_500_000
"""Bytes of documents and events in one transaction as JSON strings; keys and headers take the rest of its limit."""
MAX_TOLD = 300_000
"""Characters of the events of one transaction, which one row holds."""
_ACTOR = {"client": "python -m scim import"}


class Restore:
    """Adds to a tenant what is in a file and not there yet; what is there is neither changed nor deleted.

    Each resource comes into being with its name, look-up, count and change rows, and with the event that tells of it,
    in one transaction, a membership with both of its sides and its event in another. So an import may be interrupted
    anywhere and repeated. It holds what goes into one transaction, 100 rows and 4 MB at most, and the numbers of the
    lines that were left out.
    """

    def __init__(self, service: TenantService, say: Callable[[str], None], progress: Progress | None = None) -> None:
        self._service, self._tenant = service, service.tenant
        self._say, self._progress = say, progress or Silent()
        self.created: Counter[str] = Counter()
        self._left_out: set[int] = set()

    @property
    def left_out(self) -> int:
        """How many lines were left out."""
        return len(self._left_out)

    def summary(self) -> str:
        """Return what was created, and how much was left out."""
        told = ", ".join(f"{self.created[name]:,} {name}" for name in ORDER)
        return told + (f"; {self.left_out:,} left out" if self.left_out else "")

    async def check(self, into_existing: bool) -> None:
        """Raise Failure when the tenant has resources and that was not asked for, or unfinished deletes."""
        if await self._tenant.under(keys.tombstone(), 1):
            raise Failure(
                "large deletes are not finished in this tenant; let its timer run, or a few minutes pass, and try again"
            )
        there = [await self._tenant.under(keys.resource(letter, ""), 1, keys_only=True) for letter in "ug"]
        if any(there) and not into_existing:
            raise Failure(
                f"the tenant {self._tenant.name} has resources; name another one in SCIM_TENANT, or add what is"
                " missing to this one with --into-existing"
            )

    async def run(self, reader: Reader, total: int | None = None) -> None:
        """Import all that a reader yields. Raises BrokenFile; what came before the broken line stays."""
        await self._service.indexes.complete()  # an empty tenant starts with complete look-ups, before any resource
        batch: list[Entry] = []
        links: list[Link] = []
        for each in reader:
            if isinstance(each, Link):
                batch = await self._flushed(batch)
                links.append(each)
                if _rows_of_links(links) > MAX_CHANGES:
                    await self._add_links(links[:-1])
                    links = links[-1:]
            elif batch and not _fits([*batch, each]):
                await self._flushed(batch)
                batch = [each]
            else:
                batch.append(each)
            self._progress.at("lines", reader.line, total)
        await self._flushed(batch)
        if links:
            await self._add_links(links)

    async def _flushed(self, batch: Sequence[Entry]) -> list[Entry]:
        if batch:
            await self._tenant.retried(partial(self._create, batch))
        return []

    async def _create(self, batch: Sequence[Entry], attempt: int) -> None:
        """Create resources in one transaction; from the second attempt on look which of them can be."""
        wanted = await self._missing(batch) if attempt else batch
        if not wanted:
            return
        mark = self._tenant.new_mark()
        audit = [self._tenant.change_row(resourceType=e.kind.type.name, id=e.id, operation="import") for e in wanted]
        changes: list[RowChange] = [*audit, outbox_row(audit[0], _events(wanted, mark), _ACTOR, "POST")]
        for each in wanted:
            changes.append(Insert(each.kind.key(each.id), to_stored_json(each.document), each.modified))
            derived: list[RowChange] = [Insert(key, each.id) for key in each.kind.names(each.document)]
            derived += each.kind.look_up_changes(each.id, {}, each.document)
            changes += await self._tenant.settled(derived) if attempt else derived
        counted = Counter(key for each in wanted for key in _counts(each))
        changes += [await self._counted(key, step) for key, step in counted.items()]
        await self._tenant.commit(changes, mark)
        for each in wanted:
            self.created[f"{each.kind.type.name.lower()}s"] += 1

    async def _missing(self, batch: Sequence[Entry]) -> list[Entry]:
        """Return those that are not there yet and whose names are free; say whose are not."""
        there = await self._tenant.read_all([each.kind.key(each.id) for each in batch])
        missing = []
        for each in (each for each, row in zip(batch, there, strict=True) if row is None):
            names = each.kind.names(each.document)
            taken = await self._tenant.read_all(list(names))
            owners = [(path, row.body) for path, row in zip(names.values(), taken, strict=True) if row]
            foreign = [(path, owner) for path, owner in owners if owner != each.id]
            if foreign:
                path, owner = foreign[0]
                self._leave(each.line, f"{each.kind.type.name} {each.id}: its {path} belongs to {owner} already")
            else:
                missing.append(each)
        return missing

    async def _counted(self, key: str, step: int) -> RowChange:
        row = await self._tenant.read(key)
        return Replace(key, str(int(row.body) + step), row.version) if row else Insert(key, str(step))

    async def _add_links(self, links: Sequence[Link]) -> None:
        await self._tenant.retried(partial(self._link, links))

    async def _link(self, links: Sequence[Link], attempt: int) -> None:
        """Make memberships in one transaction; from the second attempt on look which of them can be."""
        wanted = await self._possible(links) if attempt else links
        if not wanted:
            return
        mark, added = self._tenant.new_mark(), _by_group(wanted)
        audit = [
            self._tenant.change_row(
                resourceType="Group", id=group_id, operation="import", membersAdded=[edge.id for edge in edges]
            )
            for group_id, edges in added.items()
        ]
        changes: list[RowChange] = [*audit, outbox_row(audit[0], await self._joined(added, mark), _ACTOR, "PATCH")]
        for group_id, edges in added.items():
            changes.append(Touch(keys.resource("g", group_id)))
            changes += memberships.added(group_id, edges)
        await self._tenant.commit(merged([changes]), mark)
        self.created["memberships"] += len(wanted)

    async def _possible(self, links: Sequence[Link]) -> list[Link]:
        """Return those that are not there yet and whose ends are; say whose are not."""
        there = await self._tenant.read_all([keys.member(each.group_id, each.member_id) for each in links])
        missing = [each for each, row in zip(links, there, strict=True) if row is None]
        ends = sorted({end for each in missing for end in _ends(each)})
        found = {end for end, row in zip(ends, await self._tenant.read_all(ends), strict=True) if row}
        possible = []
        for each in missing:
            if lacking := [end for end in _ends(each) if end not in found]:
                self._leave(each.line, f"membership of {each.member_id} in {each.group_id}: there is no {lacking[0]}")
            else:
                possible.append(each)
        return possible

    async def _joined(self, added: Mapping[str, Sequence[Edge]], mark: str) -> list[Event]:
        """Return the events of memberships, by the ids of their groups, which name the groups as they are."""
        kind = self._service.kinds["Group"]
        events: list[Event] = []
        for row in filter(None, await self._tenant.read_all([kind.key(each) for each in added])):
            group_id = keys.last_part(row.key)
            document: Resource = {}
            with suppress(Damaged):  # it is named by its id alone
                document = Stored.from_row(kind, row).document
            events += events_of(kind, group_id, document, document, (), Plan(added[group_id]), mark)
        return events

    def _leave(self, line: int, text: str) -> None:
        if line not in self._left_out:  # a further attempt finds it again
            self._say(f"line {line}: left out: {text}")
        self._left_out.add(line)


def _counts(entry: Entry) -> list[str]:
    return [keys.count(letter, entry.id) for letter in letters(entry.kind, entry.document)]


def _fits(batch: Sequence[Entry]) -> bool:
    """Whether resources can be created in one transaction."""
    keyed = [key for each in batch for key in each.kind.names(each.document)]
    look_ups = sum(len(each.kind.look_ups(each.id, each.document)) for each in batch)
    counts = len({key for each in batch for key in _counts(each)})
    told = len(json.dumps(to_stored_json(_events(batch, ""))))
    size = told + sum(len(json.dumps(to_stored_json(each.document))) for each in batch)
    apart = len(set(keyed)) == len(keyed)
    rows = 2 * len(batch) + len(keyed) + look_ups + counts + 1
    return apart and rows <= MAX_CHANGES and size <= MAX_BATCH_BYTES and told <= MAX_TOLD


def _events(batch: Sequence[Entry], mark: str) -> list[Event]:
    """Return the events of resources that come into being."""
    told = ((each, changed_paths({}, each.document)) for each in batch)
    return [
        event
        for each, paths in told
        for event in events_of(each.kind, each.id, None, each.document, paths, Plan(), mark)
    ]


def _by_group(links: Sequence[Link]) -> dict[str, list[Edge]]:
    found: dict[str, list[Edge]] = {}
    for each in links:
        found.setdefault(each.group_id, []).append(Edge(each.member_id, each.letter))
    return found


def _rows_of_links(links: Sequence[Link]) -> int:
    """At most so many rows change when the memberships are made: three each, two for each group, and their events."""
    return 3 * len(links) + 2 * len({each.group_id for each in links}) + 1


def _ends(link: Link) -> tuple[str, str]:
    return keys.resource("g", link.group_id), keys.resource(link.letter, link.member_id)


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """Open a file, or for `-` standard input; of what can be read only once it gives a copy.

    Raises Failure when it cannot be read.
    """
    try:
        with nullcontext(sys.stdin.buffer) if path == "-" else Path(path).open("rb") as file:
            if file.seekable():
                yield file
                return
            with tempfile.TemporaryFile() as copy:
                # Without the buffer, which reads on until it is full and in between does not look for signals.
                shutil.copyfileobj(getattr(file, "raw", file), copy)
                copy.seek(0)
                yield copy
    except OSError as error:
        raise Failure(
            f"{_named(path)} cannot be read: {error.strerror}. Name a file that `python -m scim export` has written"
        ) from error


def _named(path: str) -> str:
    return "standard input" if path == "-" else path or "''"


async def _run(path: str, key: str, into_existing: bool) -> int:
    app = from_environ(serving=False)
    try:
        with shown() as progress, _opened(path) as file:
            service = await app.serving(key)
            restore = Restore(service, _complain, progress)
            await restore.check(into_existing)
            await _import(file, service, restore, progress)
    except BrokenFile as error:
        raise Failure(f"{_named(path)}, {error}") from error
    finally:
        await app.close()
    _complain(f"imported {restore.summary()}")
    return FAILED if restore.left_out else DONE


async def _import(file: BinaryIO, service: TenantService, restore: Restore, progress: Progress) -> None:
    total = _length(file, service, progress)  # nothing is written of a file that is broken anywhere
    try:
        await restore.run(Reader(file, service.kinds), total)
    except BaseException:
        if restore.created:
            _complain(f"imported only {restore.summary()}; to go on, import the same file --into-existing")
        raise


def _length(file: BinaryIO, service: TenantService, progress: Progress) -> int:
    """Return the number of lines after checking each; the file is at its start again."""
    reader = Reader(file, service.kinds)
    for _ in reader:
        progress.at("checked", reader.line)
    file.seek(0)
    return reader.line


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main(arguments: list[str]) -> int:
    """Import a file into a tenant of the store that the settings name.

    Returns 0 when all of the file is in the tenant, 1 when single lines were left out. Raises what `command`
    tells when it was refused or failed.
    """
    parser = Parser("python -m scim import", description="Make a tenant of an exported file.")
    parser.add_argument("file", metavar="FILE|-", help="where from; - for standard input")
    parser.add_argument("--into-existing", action="store_true", help="add what is missing to a tenant with resources")
    add_tenant(parser)
    options = parser.parse_args(arguments)
    return asyncio.run(_run(options.file, options.tenant, options.into_existing))
