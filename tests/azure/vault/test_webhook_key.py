"""The key of webhooks' secrets from a vault: each version once, and what to do when there is none."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from scim.azure.webhook_key import SECRET, VaultKeys
from scim.protocol.errors import Unavailable

from .conftest import MadeUpIdentity
from .stand_in import Vault, status

OLD, NEW = "o" * 32, "n" * 32


@pytest.fixture
async def keys(vault: Vault, certificate: Path) -> AsyncIterator[VaultKeys]:
    vault.name = SECRET
    options: dict[str, Any] = {"credential": MadeUpIdentity(), "connection_verify": str(certificate), "retry_total": 0}
    made = VaultKeys(vault.url, verify_challenge_resource=False, **options)
    yield made
    await made.close()


async def test_a_webhook_keeps_the_version_that_it_was_made_with(vault: Vault, keys: VaultKeys) -> None:
    """A new version changes no receiver's secret until its webhook is rotated."""
    vault.add("1", OLD)
    assert await keys.newest() == "1"
    vault.add("2", NEW)
    assert await keys.newest() == "2"
    assert (await keys.key("1"), await keys.key("2")) == (OLD.encode(), NEW.encode())


async def test_a_version_is_asked_for_once(vault: Vault, keys: VaultKeys) -> None:
    """Signing needs no call."""
    vault.add("1", OLD)
    for _ in range(3):
        await keys.key("1")
    assert vault.values == ["1"]


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (lambda vault: None, "az keyvault secret set --name scim-webhook-key"),
        (lambda vault: vault.add("1", "short"), "32 random characters"),
        (lambda vault: setattr(vault, "broken", status(403)), "403"),
        (lambda vault: setattr(vault, "broken", status(503)), "503"),
    ],
)
async def test_what_is_wrong_is_told(
    vault: Vault, keys: VaultKeys, prepare: Callable[[Vault], object], told: str
) -> None:
    """With what to do, and without anything of an answer."""
    prepare(vault)
    with pytest.raises(Unavailable, match=told) as caught:
        await keys.newest()
    assert "short" not in caught.value.detail
