"""A vault on this machine with a certificate of its own, a clock that tests turn, and tokens read from that vault."""

import asyncio
import datetime
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scim.azure.vault import VaultTokens

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
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("vault") / "vault.pem"
    path.write_bytes(made.public_bytes(pem) + secret)
    return path


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
