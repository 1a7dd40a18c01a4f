"""Paths of a PATCH that cannot be read: what can be no attribute of ours is left out, what names one is refused."""

from typing import Any

import pytest

from scim.protocol.errors import InvalidPath, PayloadTooLarge
from scim.protocol.validation import MAX_UNKNOWN
from tests.samples import BARE, CONTOSO, CORE, ENTERPRISE, op, patched, patched_group

UNREADABLE = [
    "urn:ietf:params:scim:schemas:extension:My App:2.0:User:cost code",
    f"{ENTERPRISE}:cost code",
    "/displayName",
    "cost code",
    "not a path",
    "displayName (old)",
    "1st",
    "Ämter",
    "a..b",
    "[type pr]",
    "\ud800",
    "x" * 9000,
]


@pytest.mark.parametrize("path", UNREADABLE)
@pytest.mark.parametrize("operator", ["add", "replace", "remove"])
def test_a_path_that_can_be_none_of_ours_is_left_out(operator: str, path: str) -> None:
    """One mapping too many must not fail the user, also when the name of its target has a blank; the rest counts."""
    value = {} if operator == "remove" else {"value": "x"}
    assert patched(BARE, {"op": operator, "path": path, **value}, op("add", "title", "C")) == {**BARE, "title": "C"}


@pytest.mark.parametrize("path", UNREADABLE)
def test_so_is_a_key_of_an_object(path: str) -> None:
    """Without path, and below the URN of a schema."""
    after = {**BARE, "title": "C"}
    assert patched(BARE, op("replace", None, {path: "x", "title": "C"})) == after
    assert patched(BARE, op("add", CORE, {path: "x", "title": "C"})) == after
    assert patched(BARE, op("add", ENTERPRISE, {path: "x"}), op("add", "title", "C")) == after


def test_what_was_left_out_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The administrator finds the mapping by it; a long path or an odd character does not spoil the line."""
    patched(BARE, op("add", "cost code", "x"), op("add", None, {"/title": "x", "x" * 9000: "y", "a\nb\ud800": "z"}))
    (line,) = caplog.messages
    assert line.startswith("ignored 4 PATCH paths that no schema knows: cost code, /title, xxx")
    assert line.isprintable()
    assert len(line) < 400


@pytest.mark.parametrize(
    "path",
    [
        'emails[type eq "work"',
        "emails[type eq “work”].value",
        'Emails [type eq "work"].va lue',
        f'{CORE}:emails[type is "work"]',
        f"{ENTERPRISE}:manager[value eq",
        f"{CONTOSO}:languages]",
        "emails[",
        "nosuch.thing[bad",
        " ",
    ],
)
def test_what_is_misspelt_in_the_brackets_of_an_attribute_is_refused(path: str) -> None:
    """The value is meant for it, and would be missing without a word; a misspelt name is no excuse."""
    operations: list[dict[str, Any]] = [op("add", path, "x"), op("add", None, {path: "x"})]
    for operation in operations:
        with pytest.raises(InvalidPath):
            patched(BARE, operation)


def test_members_are_never_left_alone_where_they_were_meant() -> None:
    """A removal that was not understood must not look like one that was done."""
    for path in ("members[value eq “u1”]", 'members[value eq "u1"', f'members[value eq "{"u" * 9000}"]'):
        with pytest.raises(InvalidPath):
            patched_group(op("remove", path))


def test_unreadable_paths_count_as_names_that_no_schema_knows() -> None:
    """Each costs time, so that their number is bounded."""
    with pytest.raises(PayloadTooLarge):
        patched(BARE, op("add", None, {f"cost code {number}": 1 for number in range(MAX_UNKNOWN + 1)}))
