"""Secret tokens: the only form in which they are kept, where the valid ones come from, and what a refusal says."""

import hashlib
import re
from collections.abc import Iterable
from typing import Protocol

from scim.protocol.errors import InvalidSyntax

MISSING = "Send the secret token as 'Authorization: Bearer <token>'."
WRONG = "The token is not valid. Copy the current secret token into the client's provisioning settings."

_TWO = re.compile(r",\s*[A-Za-z][A-Za-z0-9-]*\s+\S")
"""Another scheme with its credentials, behind a comma; parameters, as Digest has them, have no blank after the name."""


def check_once(authorization: str | None) -> None:
    """Raise InvalidSyntax for two Authorization headers, which the Functions host joins by a comma (seen)."""
    if authorization and _TWO.search(authorization):
        raise InvalidSyntax("The header Authorization came twice. Send it once: 'Authorization: Bearer <token>'.")


def digest(token: str) -> bytes:
    """Return the SHA-256 of a token, the only form in which tokens are kept."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


class TokenSource(Protocol):
    """Where the valid tokens come from; several are valid at once while a token is being rotated."""

    async def digests(self) -> tuple[bytes, ...]:
        """Return the SHA-256 digests of the tokens that are valid now.

        Raises Unavailable when the source has never answered yet.
        """
        ...

    async def refreshed(self) -> tuple[bytes, ...]:
        """Return the digests after asking the source again, if it was not asked just now.

        Called when a token is not among `digests()`: it may be newer than what is cached.
        """
        ...

    async def check(self) -> None:
        """Return when the source answers; raise `Unavailable`, saying since when, while it does not."""
        ...

    async def close(self) -> None:
        """Release connections and background tasks."""
        ...


class FixedTokens:
    """Tokens that come from a setting and stay the same for the life of the process."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._digests = tuple(digest(token) for token in tokens)

    async def digests(self) -> tuple[bytes, ...]:
        return self._digests

    async def refreshed(self) -> tuple[bytes, ...]:
        return self._digests

    async def check(self) -> None:
        return None

    async def close(self) -> None:
        return None
