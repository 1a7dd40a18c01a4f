"""The key of webhooks' secrets without a vault: from a setting, or from a file beside the store."""

import os
import secrets
from pathlib import Path

from scim.protocol.errors import Unavailable

FILE = "webhook-key"


class SettingKeys:
    """One key that stays the same for the life of the process; its version has no name."""

    def __init__(self, key: str) -> None:
        self._key = key

    async def newest(self) -> str:
        if not self._key:
            raise Unavailable("Webhooks are signed with a key. Set SCIM_WEBHOOK_KEY to 32 random characters or more.")
        return ""

    async def key(self, version: str) -> bytes:  # noqa: ARG002 - there is one
        await self.newest()
        return self._key.encode()

    async def close(self) -> None:
        return None


class FileKeys:
    """A key in a file that only its owner can read, made when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def newest(self) -> str:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return ""
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be made: {error.strerror}. Set SCIM_WEBHOOK_KEY.") from None
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        return ""

    async def key(self, version: str) -> bytes:  # noqa: ARG002 - there is one
        try:
            text = self._path.read_text().strip()
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be read: {error.strerror}.") from None
        if not text:
            raise Unavailable(f"{self._path} is empty. Delete it, make another, and tell receivers their new secrets.")
        return text.encode()

    async def close(self) -> None:
        return None
