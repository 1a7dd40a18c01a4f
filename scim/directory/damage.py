"""Bodies of rows that are read one by one: what is damaged, or written by a newer release, spoils nothing but itself.

A document, a change row and the record of look-ups are JSON with a number `form`, FORM today and where there is none.
The other bodies are a word or a number; a newer release would put its form and a colon in front of them.
"""

import json
import logging
import re
from typing import Any

from scim.directory import keys
from scim.protocol.errors import ScimError
from scim.storage.rows import Row

logger = logging.getLogger(__name__)

FORM = 1
_FORM_IN_FRONT = re.compile(r"([0-9]{1,9}):")
_MOST_TOLD = 10_000
_told: set[str] = set()
"""Keys of the rows that this process has logged; about a megabyte at most."""


class Damaged(ScimError):
    """A row cannot be read. An administrator has to repair it; nobody else is affected."""

    status = 500

    def __init__(self, key: str, why: str) -> None:
        self.why = why
        super().__init__(f"The row {key} is damaged: {why}. `python -m scim verify` tells more.")
        if key not in _told and len(_told) < _MOST_TOLD:
            _told.add(key)
            logger.error("the row %s is damaged and left out: %s", key, why)


class Newer(Damaged):
    """A row has a form that this release does not know. It is changed by nobody here, nor deleted."""

    def __init__(self, key: str) -> None:
        super().__init__(key, "it was written by a newer release, which has to serve this directory again")


def is_newer(body: str) -> bool:
    """Whether a body that is a word or a number has a form that this release does not know."""
    found = _FORM_IN_FRONT.match(body)
    return found is not None and int(found[1]) > FORM


def object_in(row: Row) -> dict[str, Any]:
    """Return the object in a row whose body is JSON. Raises Damaged."""
    try:
        read = json.loads(row.body)
    except (ValueError, RecursionError):
        raise (Newer(row.key) if is_newer(row.body) else Damaged(row.key, "its text is no JSON")) from None
    if not isinstance(read, dict):
        raise Damaged(row.key, "its text is no object")
    return read


def texts_in(row: Row) -> list[str]:
    """Return the list of texts in a row whose body is one, as JSON. Raises Damaged."""
    try:
        read = json.loads(row.body)
    except (ValueError, RecursionError):
        raise (Newer(row.key) if is_newer(row.body) else Damaged(row.key, "its text is no JSON")) from None
    if not isinstance(read, list) or not all(isinstance(each, str) for each in read):
        raise Damaged(row.key, "its text is no list of texts")
    return read


def check_form(row: Row, form: Any) -> None:
    """Raise Newer when the form is one of the future, Damaged when it is none."""
    if type(form) is not int:
        raise Damaged(row.key, "its form is no number")
    if form > FORM:
        raise Newer(row.key)


def number_in(row: Row) -> int | None:
    """Return the number in the row of a count; None, which is logged, where there is none."""
    if row.body.isascii() and row.body.isdecimal():
        return int(row.body[:18])
    _unreadable(row, "it has no number")
    return None


def owner_in(row: Row) -> str | None:
    """Return the id in the row of a unique name; None, which is logged, where there is none."""
    if keys.is_id(row.body):
        return row.body
    _unreadable(row, "it has no id")
    return None


def kind_in(row: Row) -> str:
    """Return the kind of the member in a membership row of a group; "", which is logged, where there is none."""
    if row.body in ("u", "g"):
        return row.body
    _unreadable(row, "it has no kind of member")
    return ""


def _unreadable(row: Row, why: str) -> None:
    """Log what is not raised."""
    if is_newer(row.body):
        Newer(row.key)
    else:
        Damaged(row.key, why)
