"""A search in the texts of very many requests leaves the event loop to others."""

import asyncio
from datetime import timedelta

import pytest

from scim.directory.entry import Entry, Wanted
from scim.directory.journal import AT_ONCE, MOST, PAGE_ROWS, Journal
from scim.directory.tenant import Tenant
from tests.conftest import Clock
from tests.recording import RecordingRows

TOLD = "No User has the id that the path names; it was deleted, or is of another tenant."


@pytest.fixture
async def journal(rows: RecordingRows, clock: Clock) -> Journal:
    """A journal of as many requests as one page looks through, all of which failed."""
    made, first = Journal(Tenant(rows, now=clock), timedelta(days=30)), int(clock().timestamp() * 1000)
    for start in range(0, PAGE_ROWS * MOST, MOST):
        numbers = range(start, start + MOST)
        await made.write([Entry("GetUser", "GET", 404, at=first + number, detail=TOLD) for number in numbers])
    return made


async def test_a_search_in_texts_gives_others_their_turns(journal: Journal) -> None:
    """In one piece it is up to 1.8 s in which nobody else is answered; a piece is what one call returns."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    page = await journal.page(Wanted(text="nobody"))
    beside.cancel()
    assert page.entries == []
    assert page.cursor, "all rows of a page were looked through"
    assert turns >= PAGE_ROWS // AT_ONCE
