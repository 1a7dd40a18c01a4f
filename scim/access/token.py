"""Secret tokens that the service makes: recognised by sight, checked for typing errors, kept as SHA-256 only."""

import base64
import re
import secrets
import zlib
from dataclasses import dataclass, field

from scim.access.auth import digest

PREFIX = "scim_"
ID_LENGTH = 16
"""Characters of an id: 80 random bits."""
_SECRET_LENGTH = 52
"""Characters of a secret: 256 random bits."""
_CHECKSUM_LENGTH = 7
_ID = re.compile(rf"[a-z2-7]{{{ID_LENGTH}}}")
_TOKEN = re.compile(rf"{PREFIX}[a-z2-7]{{{ID_LENGTH + _SECRET_LENGTH + _CHECKSUM_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class SecretToken:
    """A token that was just made: its id, which may be shown, and its text, which is shown once."""

    id: str
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the text, the only form in which it is kept."""
        return digest(self.text)


def made() -> SecretToken:
    """Return a new token: `scim_`, an id, 256 random bits, and a checksum of all before it; 80 characters.

    A fixed beginning and a checksum let scanners of repositories recognise it without asking anybody.
    """
    token_id = random_text(ID_LENGTH)
    body = PREFIX + token_id + random_text(_SECRET_LENGTH)
    return SecretToken(token_id, body + _checksum(body))


def id_of(text: str) -> str | None:
    """Return the id within a token, or None when the text cannot be one that `made` has made."""
    if not _TOKEN.fullmatch(text) or _checksum(text[:-_CHECKSUM_LENGTH]) != text[-_CHECKSUM_LENGTH:]:
        return None
    return text[len(PREFIX) : len(PREFIX) + ID_LENGTH]


def is_credential_id(text: str) -> bool:
    """Whether the text can be the id of a credential."""
    return _ID.fullmatch(text) is not None


def random_text(length: int) -> str:
    """Return so many random characters of base32 in lower case, 5 bits each. RFC 4648 §6."""
    return _base32(secrets.token_bytes((length * 5 + 7) // 8))[:length]


def _checksum(text: str) -> str:
    return _base32(zlib.crc32(text.encode()).to_bytes(4))[:_CHECKSUM_LENGTH]


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().lower()
