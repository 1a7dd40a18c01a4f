"""`capture` as an administrator meets it: started beside a process that serves, shown, and saved."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from scim.__main__ import main
from scim.app import build
from scim.settings import Settings
from scim.storage.sqlite import SqliteRows
from tests.conftest import TOKEN, Http


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty store."""
    storage = f"sqlite:{tmp_path / 'scim.db'}"
    monkeypatch.setenv("SCIM_STORAGE", storage)
    asyncio.run(SqliteRows(storage.removeprefix("sqlite:")).close())
    return storage


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["capture", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


async def provision(storage: str) -> None:
    app = build(Settings(storage=storage, token=(TOKEN,)))
    await Http(app).user("mira")
    await app.close()


def test_what_comes_after_the_start_is_shown_and_saved(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing of what comes after the stop."""
    assert told(capsys, "start", "--minutes", "5")["running"] is True
    asyncio.run(provision(storage))
    assert main(["capture", "list"]) == 0
    assert "1 of up to 1000 requests so far" in capsys.readouterr().out
    assert told(capsys, "stop")["capture"]["taken"] == 1
    asyncio.run(provision_again(storage))
    (listed,) = told(capsys, "list")["exchanges"]
    shown = told(capsys, "show", listed["id"])
    assert shown["method"] == "POST"
    assert "mira" not in json.dumps(shown)
    assert main(["capture", "list"]) == 0
    shown = capsys.readouterr().out
    assert ("/Users" in shown, shown.startswith("nothing is being captured\n")) == (True, True)
    (saved,) = told(capsys, "download")["exchanges"]
    assert (saved["request"], saved["status"]) == ("POST /Users", 201)


async def provision_again(storage: str) -> None:
    app = build(Settings(storage=storage, token=(TOKEN,)))
    await Http(app).request("GET", "/Users")
    await app.close()


@pytest.mark.usefixtures("storage")
@pytest.mark.parametrize(
    "arguments",
    [
        ["start", "--minutes", "x"],
        ["start", "--minutes", "61"],
        ["show", "nothing"],
        ["start", "--tenant", "x"],
        ["download"],
    ],
)
def test_what_makes_no_sense_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """With what to change, and nothing is captured."""
    assert main(["capture", *arguments]) in (1, 2)
    assert capsys.readouterr().err.count("\n") == 1
    assert told(capsys, "list")["capture"] is None
