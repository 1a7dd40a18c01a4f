"""`make func`: one command from a clone to the real Functions host, or one line that says what is missing."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.children import ROOT

SH = str(shutil.which("sh"))
TOOLS = ("cp", "dirname", "sleep", "cat", "touch", "kill")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what the script reads, and with programs of the test's own on the path."""
    for name in ("tools/func.sh", "local.settings.sample.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for name in TOOLS:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def program(clone: Path, name: str, script: str) -> None:
    path = clone / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{SH}\n{script}\n")
    path.chmod(0o755)


def run(clone: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the project's own script
        [SH, "tools/func.sh"],
        cwd=clone,
        env={"PATH": str(clone / "bin"), "HOME": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_core_tools_it_says_how_to_install_them(clone: Path) -> None:
    """One line with the remedy, and nothing is started or written."""
    done = run(clone)
    assert done.returncode == 1
    assert done.stderr.startswith("make func: Azure Functions Core Tools 4 are missing; install them: npm install")
    assert done.stderr.count("\n") == 1
    assert not (clone / "local.settings.json").exists()


def test_without_the_emulator_it_says_what_brings_it(clone: Path) -> None:
    """Node.js is what the emulator runs on."""
    program(clone, "bin/func", "exit 0")
    done = run(clone)
    assert done.returncode == 1
    assert "run make setup, which needs Node.js 20 or newer" in done.stderr


def test_it_starts_the_host_beside_the_emulator_and_ends_both(clone: Path) -> None:
    """The host runs while the emulator does, with settings made of the sample; afterwards nothing is left running."""
    program(clone, "node_modules/.bin/azurite", "echo $$ > emulator\nexec sleep 600")
    program(clone, "bin/func", 'while [ ! -s emulator ]; do :; done\nkill -0 "$(cat emulator)" && echo "func $*"')
    done = run(clone)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "func start"
    sample = json.loads((clone / "local.settings.sample.json").read_text())
    assert json.loads((clone / "local.settings.json").read_text()) == sample
    alive = subprocess.run(["ps", "-o", "stat=", "-p", (clone / "emulator").read_text().strip()], capture_output=True)  # noqa: S603, S607
    assert alive.stdout.strip() == b""


def test_own_settings_stay(clone: Path) -> None:
    """Whoever has changed them keeps them."""
    program(clone, "node_modules/.bin/azurite", "exec sleep 600")
    program(clone, "bin/func", "exit 0")
    (clone / "local.settings.json").write_text('{"mine": true}')
    assert run(clone).returncode == 0
    assert (clone / "local.settings.json").read_text() == '{"mine": true}'
