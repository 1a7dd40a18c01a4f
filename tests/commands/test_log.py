"""`log`, `users` and `groups`: what a terminal shows of requests and of the directory."""

import json
from pathlib import Path
from typing import Any

import pytest

from scim.__main__ import main
from scim.app import build
from scim.settings import Settings
from tests.conftest import TOKEN, Http


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store with two users, a group and a failure; returns the id of the first user."""
    import asyncio

    storage = f"sqlite:{tmp_path / 'scim.db'}"
    monkeypatch.setenv("SCIM_STORAGE", storage)

    async def fill() -> str:
        app = build(Settings(storage=storage, token=(TOKEN,)))
        http = Http(app)
        mira = await http.user("mira", externalId="E-1", displayName="Mira Vance")
        await http.user("omar")
        await http.group("Team", mira["id"])
        await http.request("POST", "/Users", {"userName": "mira@contoso.example"})
        await app.close()
        return str(mira["id"])

    return asyncio.run(fill())


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def read(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(printed(capsys, *arguments, "--json"))


@pytest.mark.usefixtures("filled")
def test_the_log_says_what_failed_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    """The newest first; --failed leaves out what went well."""
    assert [each["status"] for each in read(capsys, "log")["requests"]] == [409, 201, 201, 201]
    text = printed(capsys, "log", "--failed")
    assert "409  CreateUser  mira@contoso.example" in text
    assert "uniqueness: Another User has this userName" in text
    assert "no requests" in printed(capsys, "log", "--find", "nobody of that name")


@pytest.mark.usefixtures("filled")
def test_the_log_goes_on_where_it_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    """By the cursor in its last line."""
    first = printed(capsys, "log", "--count", "3")
    cursor = first.split("--cursor ")[1].strip()
    (last,) = read(capsys, "log", "--cursor", cursor)["requests"]
    assert last["name"] == "mira@contoso.example"


@pytest.mark.parametrize("text", ["mira@contoso.example", "E-1", "vance", "ID"])
def test_a_user_is_found_by(capsys: pytest.CaptureFixture[str], filled: str, text: str) -> None:
    """The whole name, externalId or id at once, else by a part of them."""
    found = read(capsys, "users", "--find", filled if text == "ID" else text)["users"]
    assert [each["id"] for each in found] == [filled]


def test_everybody_is_shown_up_to_a_count(capsys: pytest.CaptureFixture[str], filled: str) -> None:
    """And it says when there are more."""
    assert len(read(capsys, "users")["users"]) == 2
    assert "and more" in printed(capsys, "users", "--count", "1")
    assert "Team" in printed(capsys, "groups")
    assert printed(capsys, "groups", "--find", "nobody") == "no groups\n"
    (group,) = read(capsys, "groups")["groups"]
    assert read(capsys, "groups", "--find", group["id"])["groups"][0]["members"][0]["value"] == filled


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "arguments", [["users", "--count", "x"], ["log", "--count", "0"], ["log", "--tenant", "nobody"]]
)
def test_what_makes_no_sense_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """With what to change."""
    assert main(arguments) in (1, 2)
    assert capsys.readouterr().err.count("\n") == 1
