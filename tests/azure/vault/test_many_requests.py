"""A vault that takes long, refuses, or changes while it is read: nobody waits long, and nothing is asked in vain."""

import asyncio
import logging

import pytest

from scim.azure.vault import MANY_VERSIONS, PAUSE, TIME_LIMIT, VaultTokens
from scim.protocol.errors import Unavailable
from tests.azure.vault.asking import NEW, OLD, accepts, settled

from .conftest import Clock, Connect
from .stand_in import Answer, Vault, hang, honest, status


def fill(vault: Vault, number: int) -> None:
    """Let the secret have many old versions beside the one that counts."""
    for each in range(number - 1):
        vault.add(f"v{each:04}", f"an-old-token-of-long-ago-{each}", enabled=False)
    vault.add("now", OLD)


class TestManyVersions:
    async def test_a_new_instance_starts_however_many_there_are(self, vault: Vault, connect: Connect) -> None:
        """Who waits is let go after a while, the reading goes on, and the next request is served."""
        fill(vault, 1_000)
        tokens = connect(load_budget=0.0)
        with pytest.raises(Unavailable, match="not answered completely yet"):
            await tokens.digests()
        await settled(tokens)
        assert vault.lists == 40
        assert await accepts(tokens, OLD)

    async def test_a_disabled_token_is_refused_however_many_there_are(
        self, vault: Vault, connect: Connect, clock: Clock
    ) -> None:
        """The refresh outlasts those who wait for it, and counts."""
        fill(vault, 200)
        tokens = connect(refresh_budget=0.0)
        assert await accepts(tokens, OLD)
        vault.versions["now"].enabled = False
        vault.add("next", NEW)
        clock.seconds += TIME_LIMIT
        assert await accepts(tokens, OLD), "nobody waits for the refresh"
        await settled(tokens)
        assert not await accepts(tokens, OLD)
        assert await accepts(tokens, NEW)

    async def test_a_page_that_never_comes_ends_the_try(self, vault: Vault, connect: Connect) -> None:
        """Each page has its time, not the whole list: one that hangs is a failure, which is told."""
        fill(vault, 60)
        tokens = connect(try_seconds=0.5, load_budget=0.01)
        vault.answers = [honest(), hang()]
        with pytest.raises(Unavailable):
            await tokens.digests()
        vault.broken = hang()
        await settled(tokens)
        with pytest.raises(Unavailable, match="in time"):
            await tokens.digests()

    async def test_many_are_warned_of_once(
        self, vault: Vault, tokens: VaultTokens, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Above a hundred, and not at each refresh; the line says what to read."""
        fill(vault, MANY_VERSIONS)
        await tokens.digests()
        assert caplog.messages == []
        vault.add("one more", NEW)
        for _ in range(3):
            clock.seconds += TIME_LIMIT
            await tokens.digests()
        [record] = [each for each in caplog.records if each.levelno == logging.WARNING]
        assert f"has {MANY_VERSIONS + 1} versions" in record.getMessage()
        assert "docs/operations.md" in record.getMessage()


class TestRememberedFailure:
    @pytest.mark.parametrize(
        ("fault", "seconds"),
        [(status(403), PAUSE), (status(429, Retry_After="90"), 90), (status(500), PAUSE), (status(404), PAUSE)],
        ids=["403", "429", "500", "404"],
    )
    async def test_a_vault_that_refused_is_not_asked_by_every_request(
        self, vault: Vault, tokens: VaultTokens, clock: Clock, fault: Answer, seconds: float
    ) -> None:
        """Roles spread for minutes, and a vault that throttles says how long: the client is told the rest of it."""
        vault.add("1", OLD)
        vault.broken = fault
        with pytest.raises(Unavailable):
            await tokens.digests()
        asked, failed_at = vault.asked, clock.seconds
        for part in (0.0, 0.5, 0.99):
            clock.seconds = failed_at + part * seconds
            with pytest.raises(Unavailable) as raised:
                await tokens.digests()
            assert raised.value.retry_after >= seconds * (1 - part)
        assert vault.asked == asked
        vault.broken = None
        clock.seconds = failed_at + seconds
        assert await accepts(tokens, OLD)

    async def test_requests_that_come_together_ask_once(self, vault: Vault, tokens: VaultTokens) -> None:
        """Fifty at a cold start."""
        vault.add("1", OLD)
        assert all(await asyncio.gather(*(accepts(tokens, OLD) for _ in range(50))))
        assert (vault.lists, vault.values) == (1, ["1"])


class TestDisabledMeanwhile:
    async def test_a_version_that_was_disabled_after_the_list_is_left_out(
        self, vault: Vault, tokens: VaultTokens
    ) -> None:
        """It is no missing role: the other version is valid, and so is the service."""
        vault.add("1", OLD)
        vault.add("2", NEW)

        def disabling(_: object) -> None:
            vault.versions["2"].enabled = False

        vault.answers = [honest(), disabling]
        assert await accepts(tokens, OLD)
        assert not await accepts(tokens, NEW)
        await tokens.check()

    async def test_a_role_that_is_missing_is_still_told(self, vault: Vault, tokens: VaultTokens) -> None:
        """A 403 without that inner code."""
        vault.add("1", OLD)
        vault.answers = [honest(), status(403)] * 9
        with pytest.raises(Unavailable, match="Key Vault Secrets User"):
            await tokens.digests()
