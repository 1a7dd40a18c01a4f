"""Cursors: where a walk through a search goes on, in a form that only the same search takes back. RFC 9865 §2."""

import base64
import binascii
import hashlib
import json
from typing import Any

from scim.errors import InvalidCursor

Position = tuple[Any, ...]
"""The order key of the last resource that was returned."""

_FORM = 1
"""Belongs to the scope: cursors of another form are those of another search."""


class Cursor:
    """The cursors of one search.

    A cursor names the last resource, not a number of resources, so that a walk misses nobody who was there all along
    and repeats nobody, whatever is created and deleted meanwhile. It does not expire and holds no secret: its
    checksum is there to tell a mistake, since whoever may send cursors may also read everything.
    """

    def __init__(self, scope: list[str | None]) -> None:
        self._scope = json.dumps([_FORM, *scope])

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
        if len(checksum) < 12 or checksum != self._checksum(payload):
            raise InvalidCursor(
                "The cursor does not belong to this search. Take it from nextCursor of the page before, with the same"
                " filter, sortBy and sortOrder; or begin anew with an empty cursor."
            )
        position: Position = _as_tuple(json.loads(payload))
        return position

    def _checksum(self, payload: bytes) -> bytes:
        return hashlib.sha256(self._scope.encode() + b"\0" + payload).digest()[:12]


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(each) for each in value) if isinstance(value, list) else value
