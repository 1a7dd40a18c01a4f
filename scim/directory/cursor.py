"""Cursors: where a walk through a search goes on, in a form that only the same search takes back. RFC 9865 §2."""

import base64
import binascii
import hashlib
import json
from typing import Any

from scim.directory.keys import is_id
from scim.protocol.errors import InvalidCursor

Position = tuple[Any, ...]
"""The order key of the last resource that was returned."""

_FORM = 1
"""Belongs to the scope: cursors of another form are those of another search."""


class Cursor:
    """The cursors of one search.

    A cursor names the last resource, not a number of resources, so that a walk misses nobody who was there all along
    and repeats nobody, whatever is created and deleted meanwhile. With sortBy that holds for those who keep the value
    that is sorted by: who gets another one meanwhile changes place, and may be missed or met again.

    A cursor does not expire and holds no secret: its checksum is there to tell a mistake, since whoever may send
    cursors may also read everything.
    """

    def __init__(self, scope: list[str | None], *, kinds: int = 1, ordered: bool = False) -> None:
        """`kinds` says how many kinds are searched, `ordered` that positions begin with a sort key."""
        self._scope = json.dumps([_FORM, *scope])
        self._kinds = kinds
        self._ordered = ordered

    def encode(self, position: Position) -> str:
        """Return the cursor of the page behind a position."""
        payload = json.dumps(position, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._checksum(payload) + payload).decode().rstrip("=")

    def decode(self, text: str) -> Position | None:
        """Return the position that a cursor of this search holds; None for "", the first page.

        Raises InvalidCursor for any other text.
        """
        if not text:
            return None
        try:
            content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            content = b""
        checksum, payload = content[:12], content[12:]
        position = self._position(payload) if checksum == self._checksum(payload) else None
        if position is None:
            raise InvalidCursor(
                "The cursor does not belong to this search. Take it from nextCursor of the page before, with the same"
                " filter, sortBy and sortOrder; or begin anew with an empty cursor."
            )
        return position

    def _position(self, payload: bytes) -> Position | None:
        """Return the position in a payload, None when it is none: a checksum without a key can be made by anybody."""
        try:
            position = _as_tuple(json.loads(payload, parse_constant=_no_constant))
        except (ValueError, RecursionError):
            return None
        match position:
            case (number, str(resource_id)) if not self._ordered and (is_id(resource_id) or not resource_id):
                return (number, resource_id) if self._is_kind(number) else None
            case (own, number, str(resource_id)) if self._ordered and is_id(resource_id) and _is_sort_key(own):
                return (own, number, resource_id) if self._is_kind(number) else None
        return None

    def _is_kind(self, number: Any) -> bool:
        """Whether a kind that is searched has the number. Booleans, which Python takes for numbers, are none."""
        return type(number) is int and 0 <= number < self._kinds

    def _checksum(self, payload: bytes) -> bytes:
        return hashlib.sha256(self._scope.encode() + b"\0" + payload).digest()[:12]


def _no_constant(name: str) -> Any:
    """NaN has no place in any order."""
    raise ValueError(f"{name} is no JSON")


def _is_sort_key(own: Any) -> bool:
    match own:
        case (1,):
            return True
        case (0, bool(text), str() | int() | float() as value):
            return text == isinstance(value, str)
    return False


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(each) for each in value) if isinstance(value, list) else value
