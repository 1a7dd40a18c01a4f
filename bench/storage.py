"""Calls of the store and latency of each operation, in directories of a thousand to a million users.

    python -m bench.storage [--sizes 1000,10000,100000,1000000] [--emulated 1000,10000] [--rounds 40] [--write]

Requests go to the endpoints without HTTP, over an SQLite file and over the emulator of Table Storage, one at a time,
with the calls of the store being counted. A range of more than a thousand rows counts as the several calls that Table
Storage would need. The sizes take turns, ten requests each, so that what else the machine does meets all of them.
The clock of the service stands still: what it reads once a minute is read before measuring.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from bench.load import fill, samples
from bench.page import plot
from bench.page.machine import described, load, revision
from bench.page.sections import write_section
from scim.app import build, open_store
from scim.directory.tenant import PAGE, Tenant
from scim.service import routes
from scim.service.messages import Request, Response
from scim.settings import Settings
from scim.storage.rows import Row, RowChange, Rows
from tests import azurite

TOKEN = "a-token-made-up-for-measuring"  # noqa: S105
BLOCK = 10
"""Requests to one size before the next one has its turn."""
LISTED = 100
"""Resources on a page."""
NEWCOMERS = 200
"""Users who are members of no group."""
AIM = 1.2
DEEP = "list, deep startIndex"


@dataclass(slots=True)
class Work:
    """What was asked of a store."""

    reads: int = 0
    ranges: int = 0
    commits: int = 0
    rows_read: int = 0
    rows_written: int = 0

    @property
    def calls(self) -> int:
        """Calls of Table Storage."""
        return self.reads + self.ranges + self.commits


class CountingRows:
    """A store that adds up what is asked of it."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._work = Work()

    def take(self) -> Work:
        """Return what was asked since the last time."""
        work, self._work = self._work, Work()
        return work

    async def read(self, partition: str, key: str) -> Row | None:
        row = await self._rows.read(partition, key)
        self._work.reads += 1
        self._work.rows_read += row is not None
        return row

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        rows = await self._rows.range(partition, after, before, limit, keys_only)
        self._work.ranges += max(1, -(-len(rows) // PAGE))
        self._work.rows_read += len(rows)
        return rows

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        self._work.commits += 1
        self._work.rows_written += len(changes)
        return await self._rows.commit(partition, changes, mark)

    async def check(self) -> None:
        await self._rows.check()

    async def close(self) -> None:
        await self._rows.close()


class Store:
    """A filled directory behind the endpoints."""

    def __init__(self, settings: Settings, size: int) -> None:
        self.size = size
        self.rows = CountingRows(open_store(settings).rows(settings.tenant))
        moment = datetime.now(UTC)
        self.app = build(settings, Tenant(self.rows, settings.tenant, now=lambda: moment))
        self.ids: dict[int, str] = {}
        self.read: list[int] = []
        self.changed: list[int] = []
        self.made: list[str] = []
        self.cursor = ""

    async def sample(self, number: int) -> None:
        """Choose users at random who are as they were made: requests read one half of them and change the other."""
        chosen = random.sample(range(self.size), min(number, self.size))
        for user in chosen:
            name = samples.user_name(user)
            found = await self.answer(filtered(f'userName eq "{name}" and emails.value eq "{name}"'))
            for each in found.body["Resources"]:
                self.ids[user] = each["id"]
        self.read, self.changed = list(self.ids)[::2], list(self.ids)[1::2]

    async def answer(self, asked: Request) -> Response:
        """Return the answer to a request. Raises SystemExit when it is not a success."""
        found = routes.find(asked.method, asked.path.removeprefix(f"/{routes.PREFIX}"))
        assert found  # noqa: S101
        response = await self.app.endpoints.respond(asked, *found)
        if response.status >= 300:
            raise SystemExit(f"{asked.method} {asked.url} was answered {response.status}: {response.body}")
        return response


def request(method: str, path: str, body: Any = None) -> Request:
    """Return a request as a host hands it over."""
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/scim+json"}
    content = b"" if body is None else json.dumps(body).encode()
    return Request(method, f"https://127.0.0.1/{routes.PREFIX}{path}", headers, content)


def filtered(text: str) -> Request:
    """Return the request for the users of a filter."""
    return request("GET", f"/Users?filter={quote(text)}")


class Operation(NamedTuple):
    """One row of the table: a name, how its n-th request looks, and what to keep of an answer for later requests."""

    name: str
    make: Callable[[Store, int], Request]
    keep: Callable[[Store, Response], None] = lambda *_: None


def _unchanged(store: Store, number: int) -> int:
    return store.read[number % len(store.read)]


def _changing(store: Store, number: int) -> str:
    return store.ids[store.changed[number % len(store.changed)]]


def _rename(store: Store, number: int) -> Request:
    renamed = {"op": "Replace", "path": "userName", "value": f"renamed-{time.time_ns()}@contoso.example"}
    return request("PATCH", f"/Users/{_changing(store, number)}", samples.patch(renamed))


def _patch(store: Store, number: int) -> Request:
    return request("PATCH", f"/Users/{_changing(store, number)}", samples.changed_user(f"n{time.time_ns()}"))


def _by(attribute: str, value: Callable[[int], str]) -> Callable[[Store, int], Request]:
    return lambda store, number: filtered(f'{attribute} eq "{value(_unchanged(store, number))}"')


def _deep(store: Store, _: int) -> Request:
    last = max(store.size - LISTED, 1)
    start = random.randint((last + 1) // 2, last)  # noqa: S311
    return request("GET", f"/Users?startIndex={start}&count={LISTED}")


def _following(store: Store, _: int) -> Request:
    return request("GET", f"/Users?cursor={quote(store.cursor)}&count={LISTED}")


def _walk(store: Store, response: Response) -> None:
    store.cursor = response.body.get("nextCursor") or ""


OPERATIONS = (
    Operation("GET by id", lambda store, n: request("GET", f"/Users/{store.ids[_unchanged(store, n)]}")),
    Operation("filter userName, hit", _by("userName", samples.user_name)),
    Operation("filter userName, miss", _by("userName", "nobody{}@contoso.example".format)),
    Operation("filter externalId", _by("externalId", samples.external_id)),
    Operation("filter emails.value", _by("emails.value", samples.user_name)),
    Operation(
        "create",
        lambda _, n: request("POST", "/Users", samples.user(n % 10**6, f"new-{time.time_ns()}-")),
        lambda store, response: store.made.append(response.body["id"]),
    ),
    Operation("PATCH displayName and email", _patch),
    Operation("rename", _rename),
    Operation("delete", lambda store, _: request("DELETE", f"/Users/{store.made.pop()}")),
    Operation("list, first page", lambda *_: request("GET", f"/Users?startIndex=1&count={LISTED}")),
    Operation(DEEP, _deep),
    Operation("list, next by cursor", _following, _walk),
)


@dataclass
class Case:
    """An operation at one size, and what its requests took: seconds and work of each."""

    operation: Operation
    size: int
    store: Store
    seconds: list[float] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)

    async def block(self, numbers: Sequence[int]) -> None:
        """Send requests one by one, and note what each took."""
        for number in numbers:
            asked = self.operation.make(self.store, number)
            self.store.rows.take()
            began = time.perf_counter()
            response = await self.store.answer(asked)
            self.seconds.append(time.perf_counter() - began)
            self.work.append(self.store.rows.take())
            self.operation.keep(self.store, response)

    def milliseconds(self, share: float = 0.5) -> float:
        """Return what that share of the requests did not exceed."""
        return sorted(self.seconds)[min(int(len(self.seconds) * share), len(self.seconds) - 1)] * 1000

    def most(self, what: str) -> int:
        """Return the greatest number of calls, rows_read or rows_written of a request."""
        found: int = max(getattr(each, what) for each in self.work)
        return found


async def measure(cases: Sequence[Case], rounds: int) -> None:
    """Let each case in turn have a block, several times over, after a block that only warms up."""
    for number in range(rounds + 1):
        for each in cases:
            await each.block(range(number * BLOCK, (number + 1) * BLOCK))
            if number == 0:
                each.seconds, each.work = [], []


@asynccontextmanager
async def users(storage: str, size: int, tenant: str = "scim") -> AsyncIterator[Store]:
    """Open a directory of so many users, filled when it is empty."""
    # Without the journal, whose rows of the last two seconds would be counted with whatever request comes next.
    settings = Settings(storage=storage, token=(TOKEN,), tenant=tenant, journal=False)
    filling = build(settings)
    try:
        await filling.indexes.complete()
        if not await filling.directory.memberships.total("u"):
            await fill.fill_users(filling.directory, size)
    finally:
        await filling.close()
    store = Store(settings, size)
    try:
        yield store
    finally:
        await store.app.close()


async def by_users(stores: Sequence[Store], rounds: int) -> list[Case]:
    """Return what each operation takes in directories of different sizes, each in a store of its own."""
    for each in stores:
        await each.sample(2 * BLOCK * (rounds + 1))
    cases = [Case(operation, store.size, store) for operation in OPERATIONS for store in stores]
    await measure(cases, rounds)
    return cases


def _joining(group: str, newcomers: Sequence[str]) -> tuple[Operation, Operation]:
    """Return the operations that make newcomers members of a group, and take them out again."""

    def patched(number: int, change: Callable[[str], samples.Body]) -> Request:
        return request("PATCH", f"/Groups/{group}", change(newcomers[number % len(newcomers)]))

    return (
        Operation("add one member", lambda _, number: patched(number, samples.added_member)),
        Operation("remove one member", lambda _, number: patched(number, samples.removed_member)),
    )


async def by_members(store: Store, sizes: Sequence[int], rounds: int) -> list[Case]:
    """Return what adding and removing one member take in groups of different sizes, all in one directory."""
    directory = store.app.directory
    ids = [each async for each in fill.user_ids(directory)]
    random.shuffle(ids)
    groups = await fill.fill_groups(directory, [f"Group of {size}" for size in sizes])
    members, newcomers = ids[:-NEWCOMERS], ids[-NEWCOMERS:]
    await fill.fill_members(directory, [(group, members[:size]) for group, size in zip(groups, sizes, strict=True)])
    pairs = [(size, _joining(group, newcomers)) for group, size in zip(groups, sizes, strict=True)]
    cases = [Case(pair[which], size, store) for which in (0, 1) for size, pair in pairs]
    await measure(cases, rounds)
    return cases


@dataclass
class Large:
    """A large change: the request that asks for it, and the maintenance that finishes it."""

    name: str
    seconds: float
    work: Work
    later_seconds: float
    later_work: Work


async def large(store: Store, many: int, everybody: int, joined: int) -> list[Large]:
    """Return what large changes take.

    `many` members come at once; a group of `everybody` is deleted; so is a user who is in `joined` groups. A directory
    has at least `everybody` and NEWCOMERS more users.
    """
    directory = store.app.directory
    ids = [each async for each in fill.user_ids(directory)]
    random.shuffle(ids)
    one, whole = await fill.fill_groups(directory, ["Many at once", "Everybody"])
    groups = await fill.fill_groups(directory, [f"Joined {number}" for number in range(joined)])
    await fill.fill_members(directory, [(whole, ids[:everybody]), *((group, ids[-1:]) for group in groups)])
    few = max(many // 2_000, 1)
    everyone = [{"value": each} for each in ids[:many]]
    nearly = [{"value": each} for each in (*ids[few:many], *ids[many : many + few])]

    def members(op: str, value: Any) -> Request:
        return request("PATCH", f"/Groups/{one}", samples.patch({"op": op, "path": "members", "value": value}))

    return [
        await _large(store, f"add {many:,} members in one PATCH", members("add", everyone)),
        await _large(store, f"replace {many:,} members, {few} of them by others", members("replace", nearly)),
        await _large(store, f"delete a group of {everybody:,} members", request("DELETE", f"/Groups/{whole}")),
        await _large(store, f"delete a user in {joined:,} groups", request("DELETE", f"/Users/{ids[-1]}")),
    ]


async def _large(store: Store, name: str, asked: Request) -> Large:
    store.rows.take()
    began = time.perf_counter()
    await store.answer(asked)
    answered, work = time.perf_counter(), store.rows.take()
    await store.app.maintenance.run()
    return Large(name, answered - began, work, time.perf_counter() - answered, store.rows.take())


def table(cases: Sequence[Case], what: str) -> str:
    """Return the cases as Markdown, a row for each operation and a column for each size."""
    sizes = sorted({each.size for each in cases})
    heads = [what, "calls", "rows read", "written", *(f"{size:,}" for size in sizes), "growth"]
    lines = [f"| {' | '.join(heads)} |", "|---" + "|--:" * (len(heads) - 1) + "|"]
    for name in dict.fromkeys(each.operation.name for each in cases):
        row = sorted((each for each in cases if each.operation.name == name), key=lambda each: each.size)
        figures = [_span(row, "calls"), _span(row, "rows_read"), _span(row, "rows_written")]
        figures += [f"{each.milliseconds():.2f} / {each.milliseconds(0.99):.2f}" for each in row]
        growth = row[-1].milliseconds() / row[0].milliseconds()
        lines.append(f"| {' | '.join([name, *figures])} | {growth:.2f}{'' if growth <= AIM else ' (missed)'} |")
    return "\n".join(lines)


def _span(row: Sequence[Case], what: str) -> str:
    """Return the figure of all sizes, or those of the smallest and the largest where they differ."""
    first, last = row[0].most(what), row[-1].most(what)
    return f"{first:,}" if all(each.most(what) == first for each in row) else f"{first:,} to {last:,}"


def large_table(rows: Sequence[Large]) -> str:
    """Return the large changes as Markdown."""
    lines = [
        "| change | request, s | calls | rows read | written | maintenance, s | calls | rows read | written |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for each in rows:
        parts = [(each.seconds, each.work), (each.later_seconds, each.later_work)]
        cells = [f"{took:.2f} | {work.calls:,} | {work.rows_read:,} | {work.rows_written:,}" for took, work in parts]
        lines.append(f"| {each.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def beyond(cases: Sequence[Case]) -> str:
    """Return a sentence on what a deep start reads beyond what the first page does."""
    first, deep = ({c.size: c for c in cases if c.operation.name == n} for n in ("list, first page", DEEP))
    skipped = {size: case.most("rows_read") - first[size].most("rows_read") for size, case in deep.items()}
    figures = ", ".join(f"{rows:,} of {size:,} (1/{size / max(rows, 1):.0f})" for size, rows in skipped.items())
    return f"Keys that a deep startIndex read beyond the page, at most: {figures}."


async def over_sqlite(sizes: Sequence[int], groups: Sequence[int], rounds: int, folder: Path) -> str:
    """Return the tables for SQLite files; those of users stay in the folder."""
    async with AsyncExitStack() as stack:
        files = [(size, f"sqlite:{folder}/users-{size}.db") for size in sizes]
        stores = [await stack.enter_async_context(users(where, size)) for size, where in files]
        for size in sizes:
            _read_through(folder / f"users-{size}.db")
        cases = await by_users(stores, rounds)
    everybody = max(groups)
    with tempfile.TemporaryDirectory() as temporary:
        async with users(f"sqlite:{temporary}/groups.db", everybody + NEWCOMERS) as store:
            members = await by_members(store, groups, rounds)
            changes = await large(store, everybody // 5, everybody, everybody // 20)
    return "\n\n".join(
        [
            "### SQLite, by the number of users",
            table(cases, "ms, median / p99"),
            beyond(cases),
            "### SQLite, by the number of members",
            table(members, "ms, median / p99"),
            "### SQLite, large changes, once each",
            large_table(changes),
        ]
    )


def _read_through(file: Path) -> None:
    """Have the file in the system's memory: otherwise the largest is measured with reads of the disk, others not."""
    with file.open("rb") as content:
        while content.read(1 << 20):
            pass


async def over_tables(sizes: Sequence[int], groups: Sequence[int], rounds: int) -> str:
    """Return the tables for the emulator of Table Storage."""
    with azurite.running() as storage:
        async with AsyncExitStack() as stack:
            places = [(size, f"users{size}") for size in sizes]
            stores = [await stack.enter_async_context(users(storage, size, name)) for size, name in places]
            cases = await by_users(stores, rounds)
        async with users(storage, max(groups) + NEWCOMERS, "groups") as store:
            members = await by_members(store, groups, rounds)
    return "\n\n".join(
        [
            "### Azurite, by the number of users",
            table(cases, "ms, median / p99"),
            beyond(cases),
            "### Azurite, by the number of members",
            table(members, "ms, median / p99"),
        ]
    )


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",") if each]


def main() -> None:
    """Measure, print, and with --write put the tables into the documentation."""
    parser = argparse.ArgumentParser(description="Calls of the store and latency, by the size of the directory.")
    parser.add_argument("--sizes", type=_numbers, default="1000,10000,100000,1000000", help="users, on SQLite")
    parser.add_argument("--groups", type=_numbers, default="10,1000,10000,100000", help="members, on SQLite")
    parser.add_argument("--emulated", type=_numbers, default="1000,10000", help="users, on Azurite; '' leaves it out")
    parser.add_argument("--emulated-groups", type=_numbers, default="10,1000", help="members, on Azurite")
    parser.add_argument("--rounds", type=int, default=40, help="blocks of ten requests; a tenth of them on Azurite")
    parser.add_argument("--folder", type=Path, help="where filled files are kept for the next time")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        parts = [asyncio.run(over_sqlite(options.sizes, options.groups, options.rounds, folder))]
    if options.emulated:
        rounds = max(options.rounds // 10, 1)
        parts.append(asyncio.run(over_tables(options.emulated, options.emulated_groups, rounds)))
    text = "\n\n".join(parts)
    print(text)  # noqa: T201
    if options.write:
        taken = described(["aiohttp", "azure-data-tables"], further=[f"commit {revision()}", load()])
        command = f"python -m bench.storage --rounds {options.rounds} --write"
        kept = "; files of users kept from an earlier run by `--folder`" if options.folder else ""
        write_section("storage", f"`{command}`; {taken}{kept}.\n\n{text}")
        plot.write()


if __name__ == "__main__":
    main()
