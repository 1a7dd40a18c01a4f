"""A copy under another name deploys its own release after one command."""

import shutil
from pathlib import Path

import pytest

from tools import publish_as as tool


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository, as far as the command touches it."""
    for name in (*tool.PAGES, tool.FORM):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tool.ROOT / name, tmp_path / name)
    return tmp_path


def test_the_button_and_the_form_name_the_copy(copy: Path) -> None:
    """The portal loads template and form from the copy, and the template installs the copy's release."""
    assert tool.publish_as("made-up-owner", "made-up-fork", copy) == ["README.md", "docs/deploy.md", tool.FORM]
    for page in tool.PAGES:
        text = (copy / page).read_text()
        assert text.count("raw.githubusercontent.com%2Fmade-up-owner%2Fmade-up-fork%2Fmain%2Finfra%2F") == 2
        assert "OWNER%2F" not in text
    assert tool.named(copy) == "made-up-owner/made-up-fork"


def test_twice_is_once(copy: Path) -> None:
    """The workflow that offers the change stays silent when there is none."""
    tool.publish_as("made-up-owner", "made-up-fork", copy)
    assert tool.publish_as("made-up-owner", "made-up-fork", copy) == []


def test_a_copy_of_a_copy_is_renamed(copy: Path) -> None:
    """Whatever name stands there, it is the new owner's afterwards."""
    tool.publish_as("made-up-owner", "made-up-fork", copy)
    tool.publish_as("fabrikam", tool.REPOSITORY, copy)
    assert tool.named(copy) == f"fabrikam/{tool.REPOSITORY}"
    assert "made-up-owner" not in (copy / "README.md").read_text().split("[button]: ")[1]


@pytest.mark.parametrize(("owner", "repository"), [("", "x"), ("a b", "x"), ("contoso", "a/b"), ("-x", "x")])
def test_a_name_that_github_does_not_know_changes_nothing(copy: Path, owner: str, repository: str) -> None:
    """A button to nowhere is found out by the next person who presses it."""
    before = (copy / "README.md").read_text()
    with pytest.raises(tool.PublishError, match="is no name of"):
        tool.publish_as(owner, repository, copy)
    assert (copy / "README.md").read_text() == before
