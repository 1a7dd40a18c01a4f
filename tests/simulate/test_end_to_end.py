"""The whole play, in each dialect, against the endpoint that the fixture `endpoint` names."""

import json

import pytest

from scim.simulate.__main__ import main


@pytest.mark.parametrize("dialect", ["default", "flag", "both"])
def test_an_endpoint_equals_the_directory_after_every_kind_of_change(
    endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str], dialect: str
) -> None:
    """Joiners, movers, leavers, renames, restores, deletions and group changes leave no difference."""
    options = ["--users", "40", "--groups", "4", "--members", "8", "--cycles", "5", "--dialect", dialect, "--json"]
    code = main([endpoint[0], "--token", endpoint[1], *options])

    document = json.loads(capsys.readouterr().out)
    assert document["failures"] == []
    assert document["differences"] == []
    assert code == 0
    log = document["log"]
    assert all(log["user"][action] for action in ("created", "updated", "disabled", "restored", "deleted"))
    assert all(log["group"][action] for action in ("created", "updated", "deleted"))
    assert log["manager"]["updated"] and log["members"]["updated"]
    assert document["members"]["removed"]
