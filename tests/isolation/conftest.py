"""The emulator for the tests of this folder, and a service that can sign."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scim.app import App, build
from scim.settings import Settings
from tests.azurite import azurite
from tests.conftest import Clock, make_app
from tests.recording import RecordingRows
from tests.security_events.conftest import key_file

__all__ = ["azurite", "key_file"]


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock, key_file: Path) -> AsyncIterator[App]:
    """The service over a store in memory."""
    made = make_app(rows, clock, signing_key=key_file, journal=True)
    yield made
    await made.close()


@pytest.fixture
async def on_tables(azurite: str, key_file: Path) -> AsyncIterator[App]:
    """The service over an account of the emulator, with a default tenant of its own."""
    made = build(
        Settings(azurite, ("a-token-that-only-tests-know",), tenant=f"t{secrets.token_hex(8)}", signing_key=key_file)
    )
    yield made
    await made.close()
