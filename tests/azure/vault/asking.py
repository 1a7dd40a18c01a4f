"""What the tests of the vault share: three tokens, and questions whether they are accepted."""

import asyncio

from scim.azure.vault import VaultTokens
from scim.protocol.errors import Unauthorized
from tests.access.letting_in import let_in

from .stand_in import Answer, hang

OLD = "old-token-0123456789abcdef"
NEW = "new-token-fedcba9876543210"
OTHER = "other-token-aaaabbbbccccdddd"


async def accepts(tokens: VaultTokens, token: str) -> bool:
    try:
        await let_in(f"Bearer {token}", tokens)
    except Unauthorized:
        return False
    return True


NEVER = hang()


def wait_for(tokens: VaultTokens, answers: list[Answer]) -> None:
    """Wait long for each answer, so that a busy machine fails no test, but not for one that never comes."""
    tokens._try_seconds = 1.0 if NEVER in answers else 5.0


async def settled(tokens: VaultTokens) -> None:
    """Wait for the refresh that runs in the background."""
    if tokens._refreshing is not None:
        await asyncio.wait([tokens._refreshing])
