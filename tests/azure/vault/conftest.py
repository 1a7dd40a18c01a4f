"""A vault on this machine with a certificate of its own, a clock that tests turn, and tokens read from that vault."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from scim.azure.vault import VaultTokens

from .certificate import self_signed
from .stand_in import ACCESS_TOKEN, Vault


class Clock:
    """Seconds that pass only when a test says so; sleeping lets them pass at once."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> float:
        return 1_800_000_000 + self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


class MadeUpIdentity:
    """A credential that always has the one access token that the stand-in takes."""

    def __init__(self) -> None:
        self.closed = False

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(ACCESS_TOKEN, int(time.time()) + 3600)

    async def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("vault"))


@pytest.fixture
async def vault(certificate: Path) -> AsyncIterator[Vault]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with Vault(context) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


Connect = Callable[..., VaultTokens]


@pytest.fixture
async def connect(vault: Vault, clock: Clock, certificate: Path) -> AsyncIterator[Connect]:
    """Make sources of tokens that read the stand-in; they are closed when the test ends."""
    made: list[VaultTokens] = []

    def one(**options: Any) -> VaultTokens:
        settings: dict[str, Any] = {"credential": MadeUpIdentity(), "try_seconds": 5.0, **options}
        tokens = VaultTokens(
            vault.url,
            clock=clock,
            now=clock.now,
            sleep=clock.sleep,
            verify_challenge_resource=False,
            connection_verify=str(certificate),
            **settings,
        )
        made.append(tokens)
        return tokens

    yield one
    for each in made:
        await each.close()


@pytest.fixture
def tokens(connect: Connect) -> VaultTokens:
    return connect()
