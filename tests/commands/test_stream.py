"""`stream` and `signing-key` as an operator and a script meet them."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from scim.__main__ import main
from scim.app import App
from scim.commands.command import DONE, FAILED, WRONG_USAGE
from scim.security_events.local_key import FILE
from tests.commands.test_operating import Capture, folder, served, told

__all__ = ["folder"]


def fails(capsys: Capture, *arguments: str) -> str:
    assert main([*arguments]) == FAILED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_key_is_made_and_rotated(folder: Path, capsys: Capture) -> None:
    """Beside the store of a developer, for its owner alone. The private half is printed nowhere."""
    made = told(capsys, "signing-key", "create")
    assert (made["algorithm"], made["kept"].endswith(FILE)) == ("ES256", True)
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert "signing-key rotate" in fails(capsys, "signing-key", "create")
    rotated = told(capsys, "signing-key", "rotate", "--algorithm", "RS256")
    assert (rotated["algorithm"], rotated["kid"] != made["kid"]) == ("RS256", True)
    assert (folder / FILE).read_text().count("BEGIN PRIVATE KEY") == 2
    assert main(["signing-key", "rotate"]) == DONE
    assert "PRIVATE" not in capsys.readouterr().out


def test_there_is_no_rotation_without_a_first_key(folder: Path, capsys: Capture) -> None:
    """And no stream either."""
    assert "signing-key create" in fails(capsys, "signing-key", "rotate")
    assert "signing-key create" in fails(capsys, "stream", "create")


def test_a_stream_is_made_listed_bound_and_deleted(folder: Path, capsys: Capture) -> None:
    """Its token is told when it is made; on one's own machine it waits for twenty seconds unless asked otherwise."""
    told(capsys, "signing-key", "create")
    made = told(capsys, "stream", "create", "--types", "user.deactivated,user.deleted")
    assert made["url"] == f"http://127.0.0.1:7071/scim/v2/events/sets/{made['id']}"
    assert made["secretToken"].startswith("scim_")
    assert (made["wait"], made["types"]) == (20, ["user.deactivated", "user.deleted"])
    other = told(capsys, "credential", "create", "--tenant", "scim", "--scope", "events", "--name", "other")
    bound = told(capsys, "stream", "bind", made["id"], "--credential", other["id"])
    assert bound["credential"] == other["id"] != made["credential"]
    second = told(capsys, "stream", "create", "--credential", other["id"], "--wait", "0", "--host", "https://a.example")
    assert "secretToken" not in second
    assert second["issuer"] == "https://a.example/scim/v2"
    assert {each["id"] for each in told(capsys, "stream", "list")["streams"]} == {made["id"], second["id"]}
    assert told(capsys, "stream", "restart", made["id"])["acknowledgedUpTo"] == 0
    assert told(capsys, "stream", "delete", made["id"]) == {"id": made["id"], "deleted": True}
    assert [each["id"] for each in told(capsys, "stream", "list")["streams"]] == [second["id"]]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("create", "--types", "user.born"), "user.created"),
        (("create", "--types", "group.roles_changed"), "group.members_added"),
        (("create", "--credential", "nobody"), "no credential"),
        (("delete", "no-such"), "no stream"),
        (("restart", "0" * 32), "no stream"),
        (("list", "--tenant", "nobody"), "no tenant"),
    ],
)
def test_what_cannot_be_is_one_line(folder: Path, capsys: Capture, arguments: Any, reason: str) -> None:
    """That says what to change, and nothing is made."""
    told(capsys, "signing-key", "create")
    before = told(capsys, "credential", "list", "--tenant", "scim")
    assert reason in fails(capsys, "stream", *arguments)
    assert told(capsys, "credential", "list", "--tenant", "scim") == before


def test_a_credential_of_another_scope_is_refused(folder: Path, capsys: Capture) -> None:
    """Who may read users has no need of tokens, and a token for tokens alone cannot read users."""
    told(capsys, "signing-key", "create")
    reader = told(capsys, "credential", "create", "--tenant", "scim", "--scope", "read", "--name", "reader")
    assert "scope events" in fails(capsys, "stream", "create", "--credential", reader["id"])
    told(capsys, "credential", "revoke", reader["id"])


def test_people_are_told_in_lines(folder: Path, capsys: Capture) -> None:
    """With the address and the token, or in a table."""
    told(capsys, "signing-key", "create")
    assert main(["stream", "list"]) == DONE
    assert capsys.readouterr().out == "no streams\n"
    assert main(["stream", "create"]) == DONE
    assert "secretToken" in capsys.readouterr().out
    assert main(["stream", "list"]) == DONE
    assert "acknowledgedUpTo" in capsys.readouterr().out
    assert main(["stream", "list", "--json"]) == DONE
    assert json.loads(capsys.readouterr().out)["streams"]
    assert main(["stream", "bind", "x"]) == WRONG_USAGE
    assert "--credential" in capsys.readouterr().err


def test_what_is_changed_of_keys_and_streams_is_in_the_audit(folder: Path, capsys: Capture) -> None:
    """As all that commands change; what only shows is not, and no secret."""
    told(capsys, "signing-key", "create")
    made = told(capsys, "stream", "create")
    told(capsys, "stream", "list")
    fails(capsys, "signing-key", "create")

    async def written(app: App) -> Any:
        return (await app.audit.page(None, 10))[0]

    found = served(written)
    assert [(each["action"], each["outcome"]) for each in found] == [
        ("signing-key create", "failed"),
        ("stream create", "done"),
        ("signing-key create", "done"),
    ]
    assert found[1]["made"] == made["id"]
    assert made["secretToken"] not in str(found)
