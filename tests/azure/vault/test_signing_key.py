"""Signing keys from a vault: which version signs, which are published, and what an outage means."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from scim.azure.signing_key import FRESH_SECONDS, LEAD_SECONDS, PAUSE, SECRET, VaultSigningKeys
from scim.protocol.errors import InvalidValue, Unavailable
from scim.security_events.signing import key_of, new_pem

from .conftest import MadeUpIdentity
from .stand_in import Vault, status

OLD, NEW = new_pem(), new_pem("RS256")
OLD_ID, NEW_ID = key_of(OLD).kid, key_of(NEW).kid


class Times:
    """The clocks of the keys, which a test moves together."""

    def __init__(self) -> None:
        self.time = 2_000_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
async def keys(vault: Vault, certificate: Path, times: Times) -> AsyncIterator[VaultSigningKeys]:
    vault.name = SECRET
    options: dict[str, Any] = {"credential": MadeUpIdentity(), "connection_verify": str(certificate), "retry_total": 0}
    made = VaultSigningKeys(vault.url, clock=times, now=times, verify_challenge_resource=False, **options)
    yield made
    await made.close()


async def published(keys: VaultSigningKeys) -> list[str]:
    return [each["kid"] for each in await keys.public()]


async def test_signing_needs_no_call(vault: Vault, keys: VaultSigningKeys) -> None:
    """The value is read once, and the list of versions each five minutes; many at once ask once."""
    vault.add("1", OLD)
    await asyncio.gather(*(keys.signer() for _ in range(20)))
    assert await published(keys) == [OLD_ID]
    assert (vault.values, vault.lists) == (["1"], 1)


async def test_a_new_version_is_published_before_it_signs(vault: Vault, keys: VaultSigningKeys, times: Times) -> None:
    """Else a receiver, or another process that answers for the keys, would not know what a token is signed with."""
    vault.add("1", OLD)
    assert (await keys.signer()).kid == OLD_ID
    vault.add("2", NEW, created=int(times.time))
    times.time += FRESH_SECONDS
    assert await published(keys) == [NEW_ID, OLD_ID]
    assert (await keys.signer()).kid == OLD_ID
    times.time += LEAD_SECONDS
    assert (await keys.signer()).kid == NEW_ID
    assert await published(keys) == [NEW_ID, OLD_ID]


async def test_the_first_version_signs_at_once(vault: Vault, keys: VaultSigningKeys, times: Times) -> None:
    """There is none to wait beside."""
    vault.add("1", OLD, created=int(times.time))
    assert (await keys.signer()).kid == OLD_ID


async def test_a_disabled_version_is_forgotten(vault: Vault, keys: VaultSigningKeys, times: Times) -> None:
    """Within five minutes nobody is told any more to believe it."""
    vault.add("1", OLD)
    vault.add("2", NEW)
    assert await published(keys) == [NEW_ID, OLD_ID]
    vault.versions["2"].enabled = False
    times.time += FRESH_SECONDS
    assert await published(keys) == [OLD_ID]
    assert (await keys.signer()).kid == OLD_ID


async def test_what_is_known_signs_while_the_vault_does_not_answer(
    vault: Vault, keys: VaultSigningKeys, times: Times
) -> None:
    """An outage of the vault is none of the tokens."""
    vault.add("1", OLD)
    await keys.signer()
    vault.broken = status(503)
    times.time += FRESH_SECONDS
    assert (await keys.signer()).kid == OLD_ID
    assert await published(keys) == [OLD_ID]


async def test_a_version_that_cannot_sign_is_told_and_passed(
    vault: Vault, keys: VaultSigningKeys, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, without its text; the one before it signs on."""
    vault.add("1", OLD)
    vault.add("2", "s3cret that is no key")
    assert (await keys.signer()).kid == OLD_ID
    assert "version 2 of the secret 'scim-signing-key' cannot sign" in caplog.text
    assert "s3cret" not in caplog.text


async def test_without_a_key_it_is_said_how_one_is_made(vault: Vault, keys: VaultSigningKeys, times: Times) -> None:
    """Whoever asks for keys without one asks the vault once in half a minute at most."""
    for _ in range(3):
        with pytest.raises(Unavailable, match="signing-key create"):
            await keys.signer()
        assert await keys.public() == []
    assert vault.asked == 1
    vault.add("1", OLD)
    times.time += PAUSE
    assert await published(keys) == [OLD_ID]


async def test_an_outage_at_the_start_is_one(vault: Vault, keys: VaultSigningKeys) -> None:
    """And not the answer that there are no keys."""
    vault.broken = status(403)
    with pytest.raises(Unavailable, match="403"):
        await keys.signer()
    with pytest.raises(Unavailable, match="403"):
        await keys.public()


async def test_a_desk_makes_the_first_version_and_rotates(vault: Vault, keys: VaultSigningKeys, times: Times) -> None:
    """It is the only one who writes: the app's role does not let it."""
    with pytest.raises(InvalidValue, match="signing-key create"):
        await keys.add(NEW, first=False)
    assert (await keys.add(OLD, first=True)).endswith("/secrets/scim-signing-key")
    assert await published(keys) == [OLD_ID]
    with pytest.raises(InvalidValue, match="signing-key rotate"):
        await keys.add(NEW, first=True)
    await keys.add(NEW, first=False)
    assert await published(keys) == [NEW_ID, OLD_ID]


async def test_a_desk_without_the_right_is_told_what_it_needs(vault: Vault, keys: VaultSigningKeys) -> None:
    """And the error has nothing of the key."""
    vault.broken = status(403)
    with pytest.raises(Unavailable, match="Key Vault Secrets Officer") as caught:
        await keys.add(OLD, first=True)
    assert "PRIVATE" not in caught.value.detail
