"""Texts are folded in a time that grows with their length."""

import unicodedata

import pytest

from scim.protocol.resource import fold
from tests.hostile.effort import counted


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


@pytest.mark.parametrize(
    "text",
    [
        "Stra\u00dfe " * 100,
        "\u1100\u1161" * 200,
        "q\u0323\u0307" * 300,
        "\ufdfa" * 300,
        "a" + "\u0301" * 30 + "\u00fc" * 300,
    ],
)
def test_ordinary_text_is_folded_as_unicode_says(text: str) -> None:
    """However long: only more than thirty combining marks in a row are treated apart."""
    assert fold(text) == _plain(text)


def test_long_runs_of_marks_are_cut() -> None:
    """Normalisation would take time with the square of their length; the text stays distinct from a shorter one."""
    long = "a" + "\u0300\u0316" * 5000
    with counted() as effort:
        folded = fold(long)
    assert folded != fold(long[:-2])
    assert fold(folded) == folded
    assert effort.calls < 3 * len(long)
    runs = folded.split("\u034f")
    assert max(map(len, runs)) <= 1 + 30
