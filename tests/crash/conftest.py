"""Counts the cases that the tests of this folder play through, and prints the sums."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from scim.sqlite import SqliteRows
from tests.crash.world import Start, populated

_SUMS: Counter[str] = Counter()


@pytest.fixture(scope="session")
def start() -> Iterator[Start]:
    """The directory that every case starts from."""
    rows = SqliteRows(":memory:")
    yield Start(rows, asyncio.run(populated(rows)))
    rows._db.close()


@pytest.fixture
def count_cases() -> Callable[[str, int], None]:
    """Add to the number of cases of a sort."""

    def count(sort: str, cases: int) -> None:
        _SUMS[sort] += cases

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many cases there were; a run on several workers (-n) prints nothing."""
    for sort, cases in _SUMS.items():
        terminalreporter.write_line(f"{sort} cases: {cases:,}")
