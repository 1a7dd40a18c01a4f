"""Cursors: opaque to clients, and good for one search only."""

import base64
import re
from typing import Any

import pytest

from scim.directory.cursor import Cursor, Position
from scim.protocol.errors import InvalidCursor

SEARCH: list[str | None] = ["scim", "u", 'title eq "x"', None, None]
ID = "0123456789abcdef" * 2
POSITIONS: list[tuple[bool, Position]] = [
    (False, (0, ID)),
    (False, (1, "")),
    (True, ((0, True, "m\u00fcller"), 1, ID)),
    (True, ((0, False, 1769860800.125), 0, ID)),
    (True, ((1,), 0, ID)),
]
FORGED: list[tuple[bool, object]] = [
    (False, 5),
    (False, [0]),
    (False, ["0", ID]),
    (False, [0, "../x"]),
    (False, [-1, ""]),
    (False, [-5, ID]),
    (False, [2, ID]),
    (False, [True, ID]),
    (False, [0.0, ID]),
    (False, [0, ID, ID]),
    (False, {"0": ID}),
    (True, [None, 0, ID]),
    (True, [[0, True, 7], 0, ID]),
    (True, [[0, True, "x"], 0, "x"]),
    (True, [[0, True, "x"], -1, ID]),
    (True, [[0, True, "x"], 2, ID]),
    (True, [[0, True, "x"], False, ID]),
    (True, [[0, False, float("nan")], 0, ID]),
    (True, [[1, 2], 0, ID]),
    (True, [0, ID]),
]


@pytest.mark.parametrize(("ordered", "position"), POSITIONS)
def test_a_cursor_leads_back_to_its_position(ordered: bool, position: Position) -> None:
    """With every kind of sort key, and in characters that need no encoding in a URL (RFC 9865 §2)."""
    text = Cursor(SEARCH, kinds=2, ordered=ordered).encode(position)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert Cursor(list(SEARCH), kinds=2, ordered=ordered).decode(text) == position


@pytest.mark.parametrize(("ordered", "position"), FORGED)
def test_a_cursor_with_a_right_checksum_and_no_position_is_refused(ordered: bool, position: Any) -> None:
    """The checksum has no key, so that anybody can make one: it must not lead to an error of another kind."""
    cursor = Cursor(SEARCH, kinds=2, ordered=ordered)
    with pytest.raises(InvalidCursor):
        cursor.decode(cursor.encode(position))


def test_a_cursor_of_many_brackets_is_refused() -> None:
    """Nor to an exhausted stack."""
    cursor = Cursor(SEARCH)
    payload = b"[" * 100_000
    content = cursor._checksum(payload) + payload
    with pytest.raises(InvalidCursor):
        cursor.decode(base64.urlsafe_b64encode(content).decode())


def test_an_empty_cursor_is_the_first_page() -> None:
    """Which is how a walk begins."""
    assert Cursor(SEARCH).decode("") is None


@pytest.mark.parametrize("part", range(5))
def test_a_cursor_of_another_search_is_refused(part: int) -> None:
    """Tenant, kinds, filter and order all belong to the search."""
    other = [*SEARCH[:part], "other", *SEARCH[part + 1 :]]
    with pytest.raises(InvalidCursor, match="does not belong"):
        Cursor(other).decode(Cursor(SEARCH).encode((0, "00ff")))


@pytest.mark.parametrize("text", ["x", "!", "AAAA", "A" * 100, "\u00fc", "00ff00ff", " ", "=", "QUJD\n", "\ud800"])
def test_a_made_up_cursor_is_refused(text: str) -> None:
    """Whatever it is made of, and never with an error of another kind."""
    with pytest.raises(InvalidCursor):
        Cursor(SEARCH).decode(text)


def test_a_cursor_with_any_byte_changed_is_refused() -> None:
    """A mistake in copying does not lead to another page."""
    content = base64.urlsafe_b64decode(Cursor(SEARCH).encode((0, "00ff00")) + "==")
    for at in range(len(content)):
        wrong = bytes([*content[:at], content[at] ^ 1, *content[at + 1 :]])
        with pytest.raises(InvalidCursor):
            Cursor(SEARCH).decode(base64.urlsafe_b64encode(wrong).decode())


def test_a_cut_cursor_is_refused() -> None:
    """So is one that a proxy or a log has shortened."""
    text = Cursor(SEARCH).encode((0, "00ff00"))
    for length in range(1, len(text)):
        with pytest.raises(InvalidCursor):
            Cursor(SEARCH).decode(text[:length])
