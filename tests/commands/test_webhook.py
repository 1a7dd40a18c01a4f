"""`webhook` as an operator and a script meet it."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from scim.__main__ import main
from scim.commands.command import DONE, FAILED, WRONG_USAGE
from scim.webhooks.local_key import FILE
from tests.commands.test_operating import Capture, folder, told

__all__ = ["folder"]
URL = "https://app.contoso.example/events"


def fails(capsys: Capture, *arguments: str) -> str:
    assert main(["webhook", *arguments]) == FAILED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_webhook_is_made_shown_and_deleted(folder: Path, capsys: Capture) -> None:
    """Its secret is told when it is made and when it is rotated."""
    made = told(capsys, "webhook", "create", "--url", URL, "--types", "user.deactivated,user.deleted")
    assert made["secret"].startswith("whsec_")
    shown = told(capsys, "webhook", "show", made["id"])
    assert (shown["url"], shown["types"], shown["onFailure"]) == (URL, ["user.deactivated", "user.deleted"], "stop")
    assert "secret" not in shown
    assert told(capsys, "webhook", "disable", made["id"])["enabled"] is False
    assert told(capsys, "webhook", "enable", made["id"], "--from", "latest")["enabled"] is True
    assert told(capsys, "webhook", "replay", made["id"])["enabled"] is True
    assert told(capsys, "webhook", "rotate", made["id"])["secret"] != made["secret"]
    assert len(told(capsys, "webhook", "list")["webhooks"]) == 1
    assert told(capsys, "webhook", "delete", made["id"]) == {"id": made["id"], "deleted": True}
    assert told(capsys, "webhook", "list") == {"webhooks": []}


def test_the_key_of_a_developer_s_store_lies_beside_it(folder: Path, capsys: Capture) -> None:
    """For its owner alone, so that commands and the service sign alike without a setting."""
    told(capsys, "webhook", "create", "--url", URL)
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    kept = (folder / FILE).read_text()
    told(capsys, "webhook", "create", "--url", URL)
    assert (folder / FILE).read_text() == kept


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("create", "--url", "https://10.0.0.1/"), "not one of the internet"),
        (("create", "--url", "http://app.contoso.example/"), "https"),
        (("create", "--url", URL, "--types", "user.born"), "user.created"),
        (("show", "no-such"), "no webhook"),
        (("list", "--tenant", "nobody"), "no tenant"),
    ],
)
def test_what_cannot_be_is_one_line(folder: Path, capsys: Capture, arguments: Any, reason: str) -> None:
    """That says what to change."""
    assert reason in fails(capsys, *arguments)


def test_a_test_that_fails_is_a_failure(folder: Path, capsys: Capture) -> None:
    """So that a script notices; with --json it can read status and time all the same."""
    made = told(capsys, "webhook", "create", "--url", "http://127.0.0.1:1/")
    assert "cannot be reached" in fails(capsys, "test", made["id"])
    assert main(["webhook", "test", made["id"], "--json"]) == FAILED
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["ok"], result["status"], captured.err.count("\n")) == (False, None, 1)
    assert result["error"] in captured.err


def test_wrong_usage_is_told(folder: Path, capsys: Capture) -> None:
    """As for every command."""
    assert main(["webhook", "create"]) == WRONG_USAGE
    assert "--url" in capsys.readouterr().err


def test_a_webhook_of_security_events_takes_a_signing_key(folder: Path, capsys: Capture) -> None:
    """Without one it is refused, with the command that makes it; then its receiver is told whom to believe."""
    asked = ("create", "--url", URL, "--form", "security-event", "--session-revoked", "email")
    assert "signing-key create" in fails(capsys, *asked)
    told(capsys, "signing-key", "create")
    made = told(capsys, "webhook", *asked)
    assert (made["form"], made["audience"], made["sessionRevoked"]) == ("security-event", URL, "email")
    assert made["jwks"] == f"{made['issuer']}/events/jwks"
    assert "signing-key rotate" in fails(capsys, "rotate", made["id"])


def test_people_are_told_in_lines(folder: Path, capsys: Capture) -> None:
    """With the secret, or in a table."""
    assert main(["webhook", "create", "--url", URL]) == DONE
    assert "whsec_" in capsys.readouterr().out
    assert main(["webhook", "list"]) == DONE
    assert URL in capsys.readouterr().out
    assert main(["webhook", "list", "--json"]) == DONE
    assert json.loads(capsys.readouterr().out)["webhooks"]
