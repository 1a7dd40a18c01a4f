"""Options that are numbers: what is none, or lies beyond its bounds, is wrong usage, before anything is opened."""

from pathlib import Path

import pytest

from scim.__main__ import main
from scim.commands.command import WRONG_USAGE


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serve", "9" * 5_000], "must be a number up to 65535"),
        (["log", "--count", "0"], "--count: must be a whole number from 1 to 200, not '0'"),
        (["audit", "--count", "201"], "from 1 to 200"),
        (["users", "--count", "x"], "from 1 to 10,000"),
        (["groups", "--count", "9" * 5_000], "from 1 to 10,000"),
        (["capture", "list", "--count", "500"], "from 1 to 200"),
        (["capture", "start", "--minutes", "61"], "from 1 to 60"),
        (["capture", "start", "--requests", "-1"], "from 1 to 1,000"),
        (["stream", "create", "--wait", "21"], "from 0 to 20"),
    ],
)
def test_a_number_beyond_its_bounds_is_wrong_usage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    """In one line that says which numbers there are; nothing is served instead, such as fewer than were asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCIM_STORAGE", "sqlite:scim.db")
    assert main(arguments) == WRONG_USAGE
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert told in captured.err
    assert list(tmp_path.iterdir()) == []
