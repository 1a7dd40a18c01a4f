"""What make says to a newcomer whose machine lacks something: one line, with the remedy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.children import ROOT

SH, MAKE = shutil.which("sh"), shutil.which("make")


def run(folder: Path, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the project with a home and programs of the test's own."""
    kept = {"PATH": str(folder / "bin"), "HOME": str(folder)}
    return subprocess.run(  # noqa: S603 - the project's own scripts
        command, cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=False
    )


def program(folder: Path, name: str, script: str) -> Path:
    """Make a program that is found on the path."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def told(finished: subprocess.CompletedProcess[str], start: str) -> str:
    """Return the only line of a command that has refused."""
    assert finished.returncode == 1
    assert finished.stderr.startswith(start), finished.stderr
    assert finished.stderr.count("\n") == 1, finished.stderr
    return finished.stderr


def test_a_python_that_is_named_and_not_there_is_refused(tmp_path: Path) -> None:
    """Another one in its place would not be what was asked for."""
    finished = run(tmp_path, str(SH), "tools/venv.sh", tmp_path / "made", PYTHON="/no/such/python")
    assert "PYTHON=/no/such/python does not run; name a Python 3.11" in told(finished, "make setup: ")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("version", ["3.10", "3.14", "2.7"])
def test_a_python_that_is_named_and_of_another_version_is_refused(tmp_path: Path, version: str) -> None:
    """With its version."""
    python = program(tmp_path, "python", f"echo {version}")
    finished = run(tmp_path, str(SH), "tools/venv.sh", tmp_path / "made", PYTHON=str(python))
    assert f"PYTHON={python} is Python {version}; name" in told(finished, "make setup: ")


@pytest.mark.parametrize("named", [True, False])
def test_a_python_of_debian_without_its_venv_is_told_which_package_to_install(tmp_path: Path, named: bool) -> None:
    """Debian parts the modules venv and ensurepip from Python."""
    python = program(tmp_path, "python3.12", 'case "$*" in *ensurepip*) exit 1 ;; *) echo 3.12 ;; esac')
    finished = run(tmp_path, str(SH), "tools/venv.sh", tmp_path / "made", **({"PYTHON": str(python)} if named else {}))
    assert "apt install python3-venv python3.12-venv" in told(finished, "make setup: ")


def test_no_python_at_all_is_told(tmp_path: Path) -> None:
    """With those that would do."""
    (tmp_path / "bin").mkdir()
    finished = run(tmp_path, str(SH), "tools/venv.sh", tmp_path / "made")
    assert "no Python 3.11, 3.12 or 3.13 found; install one" in told(finished, "make setup: ")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Before anything is set up in it."""
    (tmp_path / "file").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mkdir").symlink_to(str(shutil.which("mkdir")))
    finished = run(tmp_path, str(SH), "tools/venv.sh", tmp_path / "file" / "made", PYTHON=sys.executable)
    assert "made cannot be made; work in a folder that you may write to" in told(finished, "make setup: ")


@pytest.mark.parametrize(("script", "reason"), [("exit 127", "is missing"), ("echo v18.19.0", "v18.19.0 is too old")])
def test_a_node_that_is_missing_or_old_is_told(tmp_path: Path, script: str, reason: str) -> None:
    """With what needs it."""
    program(tmp_path, "node", script)
    line = told(run(tmp_path, str(SH), "tools/node.sh", "."), "make setup: Node.js ")
    assert reason in line
    assert "20 or newer" in line
    assert "emulator of Table Storage" in line


def test_the_demo_without_a_server_says_what_to_start(tmp_path: Path) -> None:
    """Before a minute of set-up, which would only end in the same."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    finished = subprocess.run(  # noqa: S603 - our own Makefile
        [str(MAKE), "demo"], cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr.splitlines()[0].startswith("make demo: start `make run` in another terminal first")
    assert [path.name for path in tmp_path.iterdir()] == ["Makefile"]
