"""A large change of a group: what readers see of it meanwhile and after a crash, and what it would cost to hide it.

    python -m bench.large_change [--members 20000] [--write]

Over an SQLite file and over the emulator of Table Storage: users are added to an empty group by one PATCH, once to its
end and once until the process dies half way, and then by the repeated request. Beside it, the rows are written that a
service would write which hides the change until it is whole: memberships of a group in the making, and from that one
over to the group.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.load import fill, samples
from bench.page.machine import described, load, revision
from bench.page.sections import write_section
from bench.storage import CountingRows, Work
from scim.app import App, build, open_store
from scim.directory import keys
from scim.directory.memberships import capacity
from scim.directory.resources import Origin
from scim.directory.tenant import Tenant
from scim.protocol.patch import Operation
from scim.settings import Settings
from scim.storage.rows import MAX_CHANGES, Delete, Insert, RowChange, Touch
from tests import azurite

TOKEN = "a-token-made-up-for-measuring"  # noqa: S105
LOOK_SECONDS = 0.25
"""From one look of the reader to the next."""
MOVED = 4
"""Rows that it takes to move a membership: both of its rows go, and both come."""


@dataclass
class Figures:
    """What was measured over one store; `seen` are the numbers of members that a reader saw, in order."""

    store: str
    whole: float
    work: Work
    seen: list[int]
    after_crash: int
    repeated: float
    hidden: float
    hidden_rows: int


class Died(BaseException):
    """The process has died."""


class MortalRows(CountingRows):
    """A counting store whose process dies when so many commits are done; None lets it live."""

    commits_left: int | None = None

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        if self.commits_left is not None:
            if not self.commits_left:
                raise Died
            self.commits_left -= 1
        return await super().commit(partition, changes, mark)


class Change:
    """One large change over a store."""

    def __init__(self, app: App, rows: MortalRows, members: int) -> None:
        self._app, self._rows, self._number = app, rows, members
        self._directory = app.directory

    async def measured(self, store: str) -> Figures:
        """Return what one store does."""
        whole, crashed, hidden = await fill.fill_groups(self._directory, ("whole", "crashed", "hidden"))
        await fill.fill_users(self._directory, self._number, lambda number: {"userName": samples.user_name(number)})
        members = [each async for each in fill.user_ids(self._directory)]
        self._rows.take()
        seconds, seen = await self._read_meanwhile(whole, members)
        work = self._rows.take()
        await self._crash(crashed, members, work.commits // 2)
        left = await self._members(crashed)
        repeated = await self._timed(crashed, members)
        self._rows.take()
        began = time.perf_counter()
        await self._hide(hidden, members)
        took = time.perf_counter() - began
        return Figures(store, seconds, work, seen, left, repeated, took, self._rows.take().rows_written)

    async def _add(self, group: str, members: Sequence[str]) -> None:
        operation = Operation("add", "members", [{"value": each} for each in members])
        await self._directory.patch(self._directory.kinds["Group"], group, [operation], None, Origin())

    async def _timed(self, group: str, members: Sequence[str]) -> float:
        began = time.perf_counter()
        await self._add(group, members)
        return time.perf_counter() - began

    async def _members(self, group: str) -> int:
        return len(await self._directory.memberships.members(group))

    async def _read_meanwhile(self, group: str, members: Sequence[str]) -> tuple[float, list[int]]:
        changing, seen = asyncio.create_task(self._timed(group, members)), [0]
        while not changing.done():
            seen.append(await self._members(group))
            await asyncio.sleep(LOOK_SECONDS)
        return await changing, seen

    async def _crash(self, group: str, members: Sequence[str], commits: int) -> None:
        """Let a change die after so many commits, as with its process."""
        self._rows.commits_left = commits
        with contextlib.suppress(Died):
            await self._add(group, members)
        self._rows.commits_left = None

    async def _hide(self, group: str, members: Sequence[str]) -> None:
        """Write the rows of a hidden change: a group in the making gets the members, and they move from there."""
        making, commit = self._app.tenant.new_id(""), self._app.tenant.commit
        await commit([Insert(keys.making(making), "")])
        for some in _parts(members, capacity(3)):
            touched = [Touch(keys.resource("u", each)) for each in some]
            await commit([Touch(keys.making(making)), *_made(making, some), *touched])
        await commit([Delete(keys.making(making)), Touch(keys.resource("g", group))])
        for some in _parts(members, (MAX_CHANGES - 1) // MOVED):
            gone = [Delete(each.key) for each in _made(making, some)]
            await commit([Touch(keys.resource("g", group)), *_made(group, some), *gone])


def _made(group: str, members: Sequence[str]) -> list[RowChange]:
    sides = [(keys.member(group, each), keys.membership(each, group)) for each in members]
    return [Insert(key, kind) for pair in sides for key, kind in zip(pair, ("u", ""), strict=True)]


def _parts(members: Sequence[str], size: int) -> list[Sequence[str]]:
    return [members[start : start + size] for start in range(0, len(members), size)]


async def measured(storage: str, members: int) -> Figures:
    """Return what the store of a setting does."""
    settings = Settings(storage=storage, token=(TOKEN,), journal=False, filterable=())
    store = open_store(settings)
    rows = MortalRows(store.rows(settings.tenant))
    app = build(settings, Tenant(rows, settings.tenant))
    try:
        name = "SQLite" if storage.startswith("sqlite:") else "Table Storage (Azurite)"
        return await Change(app, rows, members).measured(name)
    finally:
        await app.close()
        await store.close()


def table(found: Sequence[Figures], members: int) -> str:
    """Return the figures as Markdown."""
    lines = {
        f"PATCH that adds {members:,}, s": [f"{each.whole:.1f}" for each in found],
        "its transactions, rows": [f"{each.work.commits:,}, {each.work.rows_written:,}" for each in found],
        "looks of a reader meanwhile; of them at a part": [
            f"{len(each.seen)}; {sum(0 < number < members for number in each.seen)}" for each in found
        ],
        "members that are seen after a crash half way": [f"{each.after_crash:,}" for each in found],
        "the repeated request, s": [f"{each.repeated:.1f}" for each in found],
        "hidden until it is whole: rows, s": [f"{each.hidden_rows:,}, {each.hidden:.1f}" for each in found],
        "that is, times as long": [f"{each.hidden / each.whole:.1f}" for each in found],
    }
    head = ["what", *(each.store for each in found)]
    rows = [head, ["---", *("--:" for _ in found)], *([name, *cells] for name, cells in lines.items())]
    return "\n".join(f"| {' | '.join(each)} |" for each in rows)


def main() -> int:
    """Measure, print, and with --write put the table into the documentation."""
    parser = argparse.ArgumentParser(description="What readers see of a large change of a group.")
    parser.add_argument("--members", type=int, default=20_000, help="(%(default)s)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, azurite.running() as emulator:
        stores = (f"sqlite:{folder}/scim.db", emulator)
        found = [asyncio.run(measured(each, options.members)) for each in stores]
    text = table(found, options.members)
    sys.stdout.write(text + "\n")
    if options.write:
        taken = described(["azure-data-tables"], further=[f"commit {revision()}", load()])
        command = f"python -m bench.large_change --members {options.members} --write"
        write_section("large-change", f"`{command}`; {taken}.\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
