"""Names of every script on outputs that take fewer: a plain terminal, or a pipe on another system."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.test_transfer import small, written
from tests.server import environment

NAME = "Zo\u00eb \u6797"


def said(folder: Path, *arguments: str) -> str:
    """Return what a command says to an output in ASCII; it must end well."""
    finished = subprocess.run(  # noqa: S603 - it is this Python
        [sys.executable, "-m", "scim", *arguments],
        cwd=folder,
        env=environment(SCIM_STORAGE="sqlite:scim.db") | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, b"")
    return finished.stdout.decode("ascii")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store in which somebody has a name beyond ASCII."""
    ann = '"userName": "ann"'
    file = written(tmp_path, [line.replace(ann, f'{ann}, "displayName": {json.dumps(NAME)}') for line in small()])
    subprocess.run(  # noqa: S603 - it is this Python
        [sys.executable, "-m", "scim", "import", file],
        cwd=tmp_path,
        env=environment(SCIM_STORAGE="sqlite:scim.db"),
        capture_output=True,
        timeout=60,
        check=True,
    )
    return tmp_path


def test_a_name_is_written_with_what_stands_for_its_letters(folder: Path) -> None:
    """Beside everybody else, in place of a traceback; JSON stays JSON."""
    assert "Zo\\xeb \\u6797" in said(folder, "users")
    told = json.loads(said(folder, "users", "--json"))
    assert NAME in [each.get("displayName") for each in told["users"]]
