"""The emulator for the tests of this folder, and a service that can sign."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scim.app import App
from scim.security_events.signing import new_pem
from tests.azurite import azurite
from tests.conftest import Clock, make_app
from tests.recording import RecordingRows

__all__ = ["azurite"]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with a key that signs."""
    path = tmp_path / "key.pem"
    path.write_text(new_pem())
    return path


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock, key_file: Path) -> AsyncIterator[App]:
    """The service over a store in memory."""
    made = make_app(rows, clock, signing_key=key_file)
    yield made
    await made.close()
