"""Bodies of rows that are read one by one: what is damaged, or written by a newer release, spoils nothing but itself.

A body that is an object as JSON has a number `form`, FORM today and where there is none. The others are a list, a word
or a number; a newer release would put its form and a colon in front of them, or make an object of them.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from types import UnionType
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from scim.protocol.errors import ScimError
from scim.storage.rows import Row

T = TypeVar("T")

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


def unless_damaged(row: Row, read: Callable[[Row], T]) -> T | None:
    """Return what `read` makes of a row; None for one that may be written anew, or deleted. Raises Newer."""
    try:
        return read(row)
    except Newer:
        raise
    except Damaged:
        return None


def is_newer(body: str) -> bool:
    """Whether a body that is a word or a number has a form that this release does not know."""
    found = _FORM_IN_FRONT.match(body)
    return found is not None and int(found[1]) > FORM


def object_in(row: Row) -> dict[str, Any]:
    """Return the object in a row whose body is JSON. Raises Damaged."""
    read = _json_in(row)
    if not isinstance(read, dict):
        raise Damaged(row.key, "its text is no object")
    return read


def known_in(row: Row) -> dict[str, Any]:
    """Return the object in a row, in a form that this release knows. Raises Damaged, Newer."""
    read = object_in(row)
    check_form(row, read.get("form", FORM))
    return read


def list_in(row: Row) -> list[Any]:
    """Return the list in a row whose body is one, as JSON. Raises Damaged."""
    read = _json_in(row)
    if isinstance(read, dict):
        check_form(row, read.get("form", FORM))
    if not isinstance(read, list):
        raise Damaged(row.key, "its text is no list")
    return read


def texts_in(row: Row) -> list[str]:
    """Return the list of texts in a row whose body is one, as JSON. Raises Damaged."""
    read = list_in(row)
    if not all(isinstance(each, str) for each in read):
        raise Damaged(row.key, "its text is no list of texts")
    return read


def record_in(row: Row, made: type[Any]) -> dict[str, Any]:
    """Return what a row says of a dataclass that it keeps, in an object as JSON: those of its fields that are there.

    Fields that are not known are left out. Raises Damaged where one has another type than the dataclass says, or lacks.
    """
    read = known_in(row)
    try:
        return fields_of(made, read)
    except ValueError as error:
        raise Damaged(row.key, str(error)) from None


def fields_of(made: type[Any], read: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the values that are fields of a dataclass, lists as tuples where it has tuples.

    Raises ValueError, without the value, where one has another type than the dataclass says, or lacks.
    """
    shape = _shape(made)  # type: ignore[arg-type]  # classes are hashable
    if lacking := [name for name, each in shape.items() if each.needed and name not in read]:
        raise ValueError(f"it has no {lacking[0]}")
    found: dict[str, Any] = {}
    for name, each in shape.items():
        if name in read:
            value = read[name]
            if not each.fits(value):
                raise ValueError(f"its {name} has another type")
            found[name] = tuple(value) if tuple in each.types and isinstance(value, list) else value
    return found


class _Field(NamedTuple):
    """What a field of a dataclass may hold as JSON. `words` are the texts that it may have; none is any.

    `item` is the type of what a tuple holds.
    """

    types: frozenset[type]
    words: frozenset[str]
    item: type
    needed: bool

    def fits(self, value: Any) -> bool:
        if type(value) is list and tuple in self.types:
            return all(type(each) is self.item for each in value)
        return type(value) in self.types and (not self.words or value in self.words)


@cache
def _shape(made: type[Any]) -> dict[str, _Field]:
    """Return the fields of a dataclass by name, as far as their types can be told."""
    hints = get_type_hints(made)
    return {each.name: _field(hints[each.name], each.default is each.default_factory) for each in fields(made)}


def _field(hint: Any, needed: bool) -> _Field:
    parts = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    words = frozenset(word for part in parts if get_origin(part) is Literal for word in get_args(part))
    types = {str if get_origin(part) is Literal else get_origin(part) or part for part in parts}
    if float in types:
        types.add(int)
    items = [get_args(part)[0] for part in parts if get_origin(part) is tuple]
    return _Field(frozenset(types), words, items[0] if items else str, needed)


def _json_in(row: Row) -> Any:
    try:
        return json.loads(row.body)
    except (ValueError, RecursionError):
        raise (Newer(row.key) if is_newer(row.body) else Damaged(row.key, "its text is no JSON")) from None


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
    leave_out(row, "it has no number")
    return None


def leave_out(row: Row, why: str) -> None:
    """Log what is not raised: that a row is damaged, or newer."""
    if is_newer(row.body):
        Newer(row.key)
    else:
        Damaged(row.key, why)
