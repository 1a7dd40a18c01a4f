"""A command as a person types it: in a folder of its own, over a store in a file."""

import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from scim.__main__ import main
from tests.commands.test_transfer import small, written
from tests.conftest import TOKEN
from tests.server import environment

Capture = pytest.CaptureFixture[str]


def run(
    folder: Path,
    *arguments: str,
    python: tuple[str, ...] = (),
    stdin: str | IO[str] = "",
    stdout: int = subprocess.PIPE,
    storage: str = "sqlite:scim.db",
) -> subprocess.CompletedProcess[str]:
    """Run `python -m scim` in a folder; standard input is a text through a pipe, or a file."""
    source: dict[str, Any] = {"input": stdin} if isinstance(stdin, str) else {"stdin": stdin}
    return subprocess.run(  # noqa: S603 - it is this Python
        [sys.executable, *python, "-m", "scim", *arguments],
        cwd=folder,
        env=environment(SCIM_STORAGE=storage, SCIM_TOKEN=TOKEN),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        **source,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, in which the store of the settings is a file that is not there yet."""
    monkeypatch.chdir(tmp_path)
    for name in ("SCIM_TENANT", "SCIM_TOKEN", "PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCIM_STORAGE", "sqlite:scim.db")
    return tmp_path


@pytest.fixture
def filled(folder: Path, capsys: Capture) -> Path:
    """The current folder, with a few resources in the store."""
    assert main(["import", written(folder, small())]) == 0
    capsys.readouterr()
    return folder


def one_line(capsys: Capture) -> str:
    """Return the only line that was said, which stands on standard error."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n")
    assert captured.err.count("\n") == 1, captured.err
    return captured.err
