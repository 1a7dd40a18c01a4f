"""Other people's code in the console: which, of what version, under which licence, and unchanged."""

import hashlib
import json

import pytest

from scim.management.console import FOLDER
from tools.sbom import document

VENDOR = FOLDER / "vendor"
LISTED = json.loads((VENDOR / "VENDORED.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("listed", LISTED, ids=[each["file"] for each in LISTED])
def test_a_file_is_the_one_that_was_published(listed: dict[str, str]) -> None:
    """By its hash, with its licence beside it."""
    assert hashlib.sha256((VENDOR / listed["file"]).read_bytes()).hexdigest() == listed["sha256"]
    assert listed["licence"] in ("MIT", "Apache-2.0")
    text = (VENDOR / listed["licenceFile"]).read_text(encoding="utf-8")
    assert ("MIT" if listed["licence"] == "MIT" else "Apache License") in text


def test_no_file_is_there_that_is_not_listed() -> None:
    """Nobody could say where it is from."""
    there = {path.name for path in VENDOR.iterdir()}
    assert there == {name for each in LISTED for name in (each["file"], each["licenceFile"])} | {"VENDORED.json"}


def test_the_list_of_a_release_s_contents_has_them() -> None:
    """Whoever looks for a vulnerable version in it finds it."""
    named = {each["purl"] for each in document("3.13")["components"]}
    assert {f"pkg:npm/{each['package'].replace('@', '%40')}@{each['version']}" for each in LISTED} <= named
