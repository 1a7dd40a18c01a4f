"""Each operation, interrupted in each way at each call to storage, then done again: nothing is lost or half done."""

from collections.abc import Awaitable, Callable

import pytest

from scim.commands.verify import verify
from scim.directory import keys
from scim.protocol.errors import Unavailable
from scim.storage.rows import Delete, Insert, Replace
from scim.storage.sqlite import SqliteRows
from tests.crash.faults import Crash, Fault, FaultyRows
from tests.crash.operations import CASES, Case, delete_large_group, delete_user_in_many_groups, run_timer
from tests.crash.replay import check_told
from tests.crash.world import (
    Client,
    Directory,
    NoAnswer,
    Start,
    content,
    copy_of,
    findings,
    leftovers,
    make_app,
    seen,
)

READ_FAULTS = (Fault.CRASH_BEFORE, Fault.REFUSED, Fault.OVER)
"""A read that was done leaves nothing behind: that its answer is lost is the same as that it was refused."""


class Trial:
    """Runs one operation from one start with every fault, and judges what is there afterwards."""

    def __init__(self, start: Start, case: Case) -> None:
        self.start, self.case = start, case
        self.cases = 0
        self._known: dict[tuple[tuple[str, str], ...], Directory] = {}

    async def run(self) -> None:
        """Run without a fault to learn the number of calls and the outcome, then once for each fault at each call."""
        with copy_of(self.start.rows) as rows:
            before = await self._judged(rows)
            calls = await self._interrupted(rows, None, 0)
            after = await self._finished(rows)
        for number, kind in enumerate(calls, 1):
            for fault in Fault if kind == "commit" else READ_FAULTS:
                self.cases += 1
                try:
                    await self._play(fault, number, before, after)
                except AssertionError as error:
                    error.add_note(f"{self.case.name}, call {number} of {len(calls)} ({kind}): {fault.value}")
                    raise

    async def _play(self, fault: Fault, number: int, before: Directory, after: Directory) -> None:
        with copy_of(self.start.rows) as rows:
            await self._interrupted(rows, fault, number)
            visible = await self._judged(rows)
            assert visible in (before, after) or not self.case.atomic, "clients see it half done"
            await self.case.act(Client(make_app(rows, "again"), self.start.ids))
            assert await self._finished(rows) == after

    async def _interrupted(self, rows: SqliteRows, fault: Fault | None, number: int) -> list[str]:
        faulty = FaultyRows(rows, fault, number)
        try:
            await self.case.act(Client(make_app(faulty, "interrupted"), self.start.ids))
        except (Crash, NoAnswer, Unavailable):
            assert fault is not None
        return faulty.kinds

    async def _finished(self, rows: SqliteRows) -> Directory:
        """Return what is seen, before and after the timer has run and left nothing over."""
        visible = await self._judged(rows)
        await make_app(rows, "timer", hours=2).maintenance.run()
        assert not await leftovers(rows)
        assert await self._judged(rows) == visible, "the timer has changed what clients see"
        await check_told(rows)
        return visible

    async def _judged(self, rows: SqliteRows) -> Directory:
        """Return what clients see of rows that agree with each other; many faults leave the same rows."""
        known = content(rows)
        if known not in self._known:
            assert await findings(rows) == []
            self._known[known] = await seen(Client(make_app(rows, "reader")))
        return self._known[known]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_an_operation_survives_every_fault(
    start: Start, case: Case, count_cases: Callable[[str, int], None]
) -> None:
    """After the retry there is what there is without a fault, and at no time do rows disagree."""
    trial = Trial(start, case)
    await trial.run()
    assert trial.cases
    count_cases("crash cases", trial.cases)


@pytest.mark.parametrize("delete", [delete_large_group, delete_user_in_many_groups])
async def test_the_timer_survives_every_fault(
    start: Start, delete: Callable[[Client], Awaitable[None]], count_cases: Callable[[str, int], None]
) -> None:
    """A delete that died after its first transaction is finished by a timer that dies anywhere, and the next one."""
    with copy_of(start.rows) as rows:
        begun = Start(rows, start.ids)
        assert await _left_to_the_timer(begun, delete)
        trial = Trial(begun, Case("the timer", run_timer))
        await trial.run()
    count_cases("crash cases", trial.cases)


async def _left_to_the_timer(start: Start, act: Callable[[Client], Awaitable[None]]) -> bool:
    """Let the process die after the first commit of an operation; return whether it has left something behind."""
    with copy_of(start.rows) as unharmed:
        whole = FaultyRows(unharmed)
        await act(Client(make_app(whole, "interrupted"), start.ids))
    dying = FaultyRows(start.rows, Fault.CRASH_AFTER, whole.kinds.index("commit") + 1)
    with pytest.raises(Crash):
        await act(Client(make_app(dying, "interrupted"), start.ids))
    return bool(await leftovers(start.rows))


async def test_a_repair_survives_every_fault(start: Start, count_cases: Callable[[str, int], None]) -> None:
    """A repair that died anywhere is finished by the next one, and ends where one ends that nothing has disturbed."""
    with copy_of(start.rows) as broken:
        await spoil(broken, start)
        with copy_of(broken) as rows:
            calls = await _repaired(rows, None, 0)
            whole = content(rows)
            assert await findings(rows) == []
        faults = [(number, fault) for number, kind in enumerate(calls, 1) if kind == "commit" for fault in Fault]
        for number, fault in faults:  # one at a read leaves what one before the next commit leaves
            with copy_of(broken) as rows:
                await _repaired(rows, fault, number)
                await _repaired(rows, None, 0)
                assert content(rows) == whole, f"call {number}: {fault.value}"
    count_cases("crash cases", len(faults))


async def spoil(rows: SqliteRows, start: Start) -> None:
    """Take away and add derived rows of each kind."""
    user, group = start.ids["user1"], start.ids["small"]
    [name] = [each for each in await rows.range("scim", "n.u.", "n.u.~", 1000) if each.body == user]
    [look_up, *_] = await rows.range("scim", "x.", "x.~", 1)
    [count, *_] = await rows.range("scim", "c.u.", "c.u.~", 1)
    gone = [name.key, look_up.key, keys.membership(user, group)]
    await rows.commit("scim", [*map(Delete, gone), Replace(count.key, "7", count.version)])
    await rows.commit(
        "scim",
        [
            Insert(keys.look_up("u", "externalId", "old", user), ""),
            Insert(keys.name("g", "displayName", "nobody"), "f" * 32),
            Insert(keys.membership(user, start.ids["empty"]), ""),
        ],
    )


async def _repaired(rows: SqliteRows, fault: Fault | None, number: int) -> list[str]:
    faulty = FaultyRows(rows, fault, number)
    try:
        await verify(make_app(faulty, "repairing").tenants.default, True, lambda _: None)
    except (Crash, Unavailable):
        assert fault is not None
    return faulty.kinds
