"""What the measurements of feed and webhooks measure: each is played small, and a loss would be seen."""

from pathlib import Path

from bench import events, hooks
from bench.hosts.servers import OURS, running
from scim.storage.sqlite import SqliteRows


async def test_what_waits_is_published_and_read(tmp_path: Path) -> None:
    """All of it, or the measurement ends with what is missing."""
    async with events.service(str(tmp_path)) as app:
        seconds = await events.fed(app, 120)
        head, _ = await app.feed.head()
    assert head.last == 120
    assert all(each > 0 for each in seconds)


async def test_the_outbox_is_left_out_for_comparison(tmp_path: Path) -> None:
    """The same writes with as many calls; only the one kind leaves something for the feed."""
    found = await events.written(lambda name: SqliteRows(f"{tmp_path}/{name}.db"), 10)
    # What the service keeps for some seconds may be asked for once more on a busy machine.
    assert round(found.calls[0]) == round(found.calls[1]) == 3
    waiting = {}
    for kind in (True, False):
        rows = SqliteRows(f"{tmp_path}/writes{int(kind)}.db")
        waiting[kind] = len(await rows.range("scim", "o.", "o.~", 100))
        await rows.close()
    assert waiting == {True: 20, False: 0}


async def test_tokens_are_fetched_until_all_are_acknowledged(tmp_path: Path) -> None:
    """Or the measurement ends with how many were had."""
    assert await events.polled(str(tmp_path), "ES256", 110) > 0


async def test_a_receiver_that_gets_all_knows_the_directory() -> None:
    """Over a server of its own; no event is missing and nobody differs."""
    with running(OURS, hooks.SETTINGS) as server:
        result = await hooks.played("SQLite", server, 1.0, 20.0)
    assert result.problems == []
    assert result.events >= result.changes > 0
    assert "| SQLite |" in hooks.report(result)


def test_a_gap_a_repeat_and_a_difference_are_noticed() -> None:
    """Else the comparison would say nothing."""
    copy = hooks.Copy()
    for sequence in (1, 2, 2, 4):
        data = {"id": str(sequence), "userName": "mira", "active": True}
        copy.apply({"sequence": sequence, "type": "user.created", "data": data})
    assert (copy.repeats, copy.gaps, copy.last, sorted(copy.known)) == (1, 1, 4, ["1", "2", "4"])
