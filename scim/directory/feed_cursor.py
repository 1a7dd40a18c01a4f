"""Cursors of the feed: a place in it that its readers keep, which is an epoch and the number of an event."""

import base64
import binascii
import hashlib

from scim.protocol.errors import InvalidCursor
from scim.storage.damage import Damaged
from scim.storage.rows import Row


def cursor_of(tenant: str, epoch: str, number: int) -> str:
    """Return the cursor of the place behind an event."""
    payload = f"{epoch}.{number}".encode()
    return base64.urlsafe_b64encode(_checksum(tenant, payload) + payload).decode().rstrip("=")


def place_of(tenant: str, cursor: str) -> tuple[str, int]:
    """Return the epoch and the number in a cursor. Raises InvalidCursor."""
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        epoch, _, number = content[12:].decode("ascii").partition(".")
        if content[:12] == _checksum(tenant, content[12:]):
            return epoch, int(number)
    except (ValueError, binascii.Error):
        pass
    raise InvalidCursor(
        "The cursor is none of this feed. Take `next` of the page before, or `latest`, or leave `after` out."
    )


def check_place(row: Row, tenant: str, cursor: str) -> None:
    """Raise Damaged where the cursor that a row keeps is none; an empty one is the place before the oldest event."""
    try:
        if cursor:
            place_of(tenant, cursor)
    except InvalidCursor:
        raise Damaged(row.key, "its cursor is none of the tenant's feed") from None


def _checksum(tenant: str, payload: bytes) -> bytes:
    """Tells a mistake, such as a cursor of another tenant; it is no secret."""
    return hashlib.sha256(f"feed {tenant}".encode() + b"\0" + payload).digest()[:12]
