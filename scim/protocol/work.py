"""What a search or a PATCH costs, counted while it is made: comparisons, and the text that they look at."""

from typing import Any

from scim.protocol.errors import PayloadTooLarge

MAX_WORK = 2_000_000
"""Most units in one request: about three seconds of one processor (28 Nov 2026).

A unit is a comparison of a filter with one value, 4 characters of a text that is not ASCII, 1,000 of one that is, 100
of a row that is read, or half a row of a look-up.
"""
_BRIEF = 64
"""Texts of up to so many characters are not counted apart."""


class WorkDone(PayloadTooLarge):
    """A request has no work left to make the next comparison with."""

    def __init__(self) -> None:
        super().__init__("The request compares too many values, or too long ones. Send fewer operations or conditions.")


class Work:
    """What a request may still compare; it is looked at in every comparison, since one resource can have very many."""

    __slots__ = ("left",)

    def __init__(self, most: int = MAX_WORK) -> None:
        self.left = most

    def compared(self, values: list[Any]) -> list[Any]:
        """Count a comparison with these values, and return them. Raises WorkDone."""
        self.left -= 1 + len(values)
        for each in values:
            if isinstance(each, str) and len(each) > _BRIEF:
                self.left -= len(each) // (1000 if each.isascii() else 4)
        if self.left < 0:
            raise WorkDone
        return values

    def read(self, characters: int) -> None:
        """Count a row that is read, of so many characters. Raises WorkDone."""
        self.left -= 5 + characters // 100
        if self.left < 0:
            raise WorkDone

    def found(self, rows: int) -> None:
        """Count so many rows of look-ups. Raises WorkDone."""
        self.left -= 2 * rows
        if self.left < 0:
            raise WorkDone
