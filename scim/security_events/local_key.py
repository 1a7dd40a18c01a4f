"""Signing keys without a vault: in a file of PEM texts, the newest first."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from scim.protocol.errors import InvalidValue, Unavailable
from scim.security_events.signing import BadKey, Jwk, SigningKey, key_of

FILE = "signing-key.pem"
MAX_KEYS = 10
"""Keys of the file that are read; older ones behind them are dropped when one is added."""
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)


class FileSigningKeys:
    """The keys in a file that only its owner can read. The first signs, all are published."""

    def __init__(self, path: Path | None) -> None:
        """Without a path there is no key, and none can be made."""
        self._path = path
        self._known: tuple[str, list[SigningKey]] = ("", [])

    async def signer(self) -> SigningKey:
        keys = self._keys()
        if not keys:
            raise Unavailable(
                "Security events are signed, and there is no key yet: make one by `python -m scim signing-key create`."
                if self._path
                else _NOWHERE
            )
        return keys[0]

    async def public(self) -> Sequence[Jwk]:
        return [each.jwk for each in self._keys()]

    async def add(self, pem: str, *, first: bool) -> str:
        if self._path is None:
            raise InvalidValue(_NOWHERE)
        kept = _PEM.findall(self._text())
        if first and kept:
            raise InvalidValue(f"{self._path} has a key already. `signing-key rotate` puts another in front of it.")
        if not first and not kept:
            raise InvalidValue(f"{self._path} has no key yet. `signing-key create` makes the first.")
        _write(self._path, "\n".join([pem.strip(), *kept[: MAX_KEYS - 1]]) + "\n")
        return str(self._path)

    async def close(self) -> None:
        return None

    def _keys(self) -> list[SigningKey]:
        text = self._text()
        if text != self._known[0]:
            try:
                self._known = text, [key_of(each) for each in _PEM.findall(text)[:MAX_KEYS]]
            except BadKey as error:
                raise Unavailable(f"A key of {self._path} cannot be used: {error}.") from None
        return self._known[1]

    def _text(self) -> str:
        try:
            return self._path.read_text() if self._path else ""
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"{self._path} cannot be read ({type(error).__name__}).") from None


def _write(path: Path, text: str) -> None:
    """Put a whole new file in the place of the old one."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        part.replace(path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}.") from None


_NOWHERE = (
    "Security events are signed by a key in the key vault, or in a file beside a SQLite store. Set SCIM_KEY_VAULT, or"
    " SCIM_SIGNING_KEY to the path of a file."
)
