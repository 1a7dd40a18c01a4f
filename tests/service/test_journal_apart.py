"""Journal and capture stand apart: what clients are answered does not depend on whether either can be written."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from scim.protocol.errors import Unavailable
from scim.storage.rows import RowChange
from tests.conftest import Clock, Http, make_app
from tests.management.managing import administrator
from tests.recording import RecordingRows
from tests.test_clients import FILES, served

THEIRS = ("j.", "h.", "q.")
"""What the rows of journal and capture begin with."""


class Apart(RecordingRows):
    """A store that takes no row of journal and capture, in the way of one of `ways`."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.refused = 0
        self._way = way

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        if not any(change.key.startswith(THEIRS) for change in changes):
            return await super().commit(partition, changes, mark)
        self.refused += 1
        if self._way == "lost":  # written, and nobody hears of it
            await super().commit(partition, changes, mark)
        if self._way == "bug":
            raise ValueError("a bug")
        raise Unavailable("The storage does not answer.")


@pytest.mark.parametrize("way", ["refused", "lost", "bug"])
@pytest.mark.parametrize("file", FILES[::3], ids=[f"{file.parent.name}-{file.stem}" for file in FILES[::3]])
async def test_a_client_is_answered_as_ever(clock: Clock, file: Path, way: str) -> None:
    """With both on and neither written, every exchange of the recorded clients goes as its file says."""
    rows = Apart(way)
    clock.forward(seconds=-10)
    app = make_app(rows, clock, journal=True)
    started = await (await administrator(app)).ask("POST", "/tenants/scim/capture", {"values": "plain"})
    assert started.status == 201
    clock.forward(seconds=10)
    try:
        await served(Http(app), file)
    finally:
        await app.journals.flush()
        await app.close()
    assert rows.refused > 0
