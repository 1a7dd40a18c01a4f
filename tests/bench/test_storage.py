"""The benchmark of storage, with directories so small that only the calls it counts mean anything."""

import re
from pathlib import Path

from bench import storage


def rows(text: str) -> list[list[str]]:
    """Return the cells of all rows of Markdown tables that are neither head nor rule."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|-")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


async def test_a_larger_directory_takes_no_more_calls(tmp_path: Path) -> None:
    """Each operation makes as many calls in the larger directory, and the tables say so."""
    text = await storage.over_sqlite([50, 500], [10, 100], 1, tmp_path)

    measured = [row for row in rows(text) if len(row) == 7 and row[0] != "ms, median / p99"]
    names = [each.name for each in storage.OPERATIONS]
    assert [row[0] for row in measured] == [*names, "add one member", "remove one member"]
    for name, calls, _, _, small, large, growth in measured:
        assert re.fullmatch(r"\d+", calls) or name == storage.DEEP, name
        assert all(re.fullmatch(r"\d+\.\d\d / \d+\.\d\d", cell) for cell in (small, large))
        assert re.fullmatch(r"\d+\.\d\d( \(missed\))?", growth)


async def test_large_changes_are_counted_to_their_end(tmp_path: Path) -> None:
    """What a request leaves to maintenance is counted there: nothing of the memberships is left."""
    where = f"sqlite:{tmp_path}/groups.db"
    async with storage.users(where, 700 + storage.NEWCOMERS) as store:
        added, replaced, group, user = await storage.large(store, 100, 700, 60)

        left = [await store.app.tenant.under(side) for side in ("m.", "r.", "t.")]
    assert added.work.rows_written >= 300
    assert replaced.work.rows_written == 2 * 3 + 3
    assert group.work.rows_written + group.later_work.rows_written >= 2_100
    assert group.later_work.rows_written > 0
    assert user.work.rows_written >= 180
    assert [len(each) for each in left] == [100, 100, 0]
