"""The directory that cases start from, and the count of cases."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scim.security_events.signing import new_pem
from scim.storage.sqlite import SqliteRows
from tests.crash.world import Start, populated


@pytest.fixture(scope="session")
def start() -> Iterator[Start]:
    """The directory that every case starts from."""
    rows = SqliteRows(":memory:")
    yield Start(rows, asyncio.run(populated(rows)))
    rows._db.close()


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key that signs tokens."""
    path = tmp_path_factory.mktemp("crash") / "signing-key.pem"
    path.write_text(new_pem())
    return path


@pytest.fixture
def count_cases(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Say how many cases of a sort the test has played through; tests/conftest.py prints the sums."""

    def count(sort: str, cases: int) -> None:
        record_property(f"count of {sort}", cases)

    return count
