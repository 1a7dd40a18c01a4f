"""What holds for the tests themselves: none depends on a terminal, and none leaves a process behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.children import ROOT, python

SENSITIVE = (
    "tests/commands/test_command_line.py::test_a_signal_ends_a_command_at_once",
    "tests/commands/test_command_line.py::test_each_command_tells_its_options",
    "tests/simulate/test_command.py::test_an_equal_run_ends_with_0_and_the_log",
)
"""Tests of what a terminal changes: signals, the width of a page, colours."""


def test_a_test_that_fails_ends_its_child() -> None:
    """Else the child goes on, and fails another test or keeps the machine busy."""
    with pytest.raises(ZeroDivisionError), python("-c", "input()", stdin=subprocess.PIPE) as child:
        raise ZeroDivisionError
    assert child.returncode == -signal.SIGKILL


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_processes_are_started_in_one_way(path: Path) -> None:
    """The one of tests/children.py, which ends them; `subprocess.run` does so by itself."""
    assert path.name in ("children.py", "test_children.py") or "Popen(" not in path.read_text(encoding="utf-8")


def test_no_test_depends_on_the_terminal_that_starts_it() -> None:
    """A job in the background ignores SIGINT, a window may be narrow, and a CI may ask for colours."""
    tests = [sys.executable, "-m", "pytest", *SENSITIVE]
    finished = subprocess.run(  # noqa: S603 - our own tests
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *tests],  # noqa: S607
        cwd=ROOT,
        env=os.environ | {"FORCE_COLOR": "1", "COLUMNS": "20", "LINES": "5"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
