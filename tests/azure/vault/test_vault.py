"""Tokens from Key Vault through the real client over HTTPS: secrecy, and how it begins and ends."""

import asyncio
import logging
from typing import Any

import pytest
from azure.keyvault.secrets import KeyVaultSecret
from azure.keyvault.secrets.aio import SecretClient

from scim.azure.vault import TIME_LIMIT, VaultTokens
from scim.protocol.errors import Unavailable
from tests.azure.vault.asking import NEVER, NEW, OLD, OTHER, accepts

from .conftest import Clock, Connect, MadeUpIdentity
from .stand_in import ACCESS_TOKEN, Vault, honest, status, text


class TestSecrecy:
    async def test_no_token_is_ever_shown(
        self, vault: Vault, tokens: VaultTokens, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Not in any log at any level, in no error and its causes, and not in what is kept."""
        caplog.set_level(logging.DEBUG)
        vault.add("1", OLD)
        truncated = text(f'{{"value": "{OLD}", "id": ')
        vault.answers = [honest(), truncated, honest(), status(403), honest(), text(f'"{OLD}"'), honest(), status(500)]
        await tokens.digests()
        vault.add("2", NEW)
        assert await accepts(tokens, NEW)
        assert not await accepts(tokens, OTHER)
        vault.add("3", OTHER)
        vault.broken = truncated
        clock.seconds += TIME_LIMIT
        await tokens.digests()
        with pytest.raises(Unavailable) as raised:
            await tokens.check()
        await tokens.close()

        shown = (
            caplog.text + "".join(str(each.args) for each in caplog.records) + repr(vars(tokens)) + repr(raised.value)
        )
        assert raised.value.__cause__ is raised.value.__context__ is None
        for secret in (OLD, NEW, OTHER, ACCESS_TOKEN):
            assert secret not in shown

    async def test_reading_a_value_is_not_traced(
        self, vault: Vault, tokens: VaultTokens, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The SDK's span of a call that fails holds the text of the error, and that text the truncated answer."""
        calls: list[dict[str, Any]] = []
        get_secret = SecretClient.get_secret

        async def watched(client: SecretClient, name: str, version: str, **options: Any) -> KeyVaultSecret:
            calls.append(dict(options))
            return await get_secret(client, name, version, **options)

        monkeypatch.setattr(SecretClient, "get_secret", watched)
        vault.add("1", OLD)
        await tokens.digests()

        assert calls == [{"tracing_options": {"enabled": False}}]

    async def test_the_client_is_quiet_at_the_level_of_production(
        self, vault: Vault, tokens: VaultTokens, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The SDK's line for each request with its headers stays out of the log."""
        caplog.set_level(logging.INFO)
        vault.add("1", OLD)
        await tokens.digests()

        assert [each for each in caplog.records if each.name.startswith("azure")] == []


class TestLifetime:
    async def test_a_credential_passed_in_is_not_closed(self, vault: Vault, connect: Connect) -> None:
        """It may serve the tables as well."""
        identity = MadeUpIdentity()
        tokens = connect(credential=identity)
        vault.add("1", OLD)
        await tokens.digests()
        await tokens.close()

        assert not identity.closed

    async def test_without_a_credential_the_managed_identity_is_used_and_closed(
        self, vault: Vault, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The identity is made for the client id of the settings at the first use, and released with the client."""
        made: list[tuple[str, MadeUpIdentity]] = []

        def identity(client_id: str) -> MadeUpIdentity:
            made.append((client_id, MadeUpIdentity()))
            return made[-1][1]

        monkeypatch.setattr("scim.azure.vault_client.identity", identity)
        tokens = connect(credential=None, client_id="the-client-id")
        assert made == []
        vault.add("1", OLD)
        await tokens.digests()
        await tokens.close()

        assert [(client_id, each.closed) for client_id, each in made] == [("the-client-id", True)]

    async def test_closing_while_a_refresh_runs(self, vault: Vault, tokens: VaultTokens, clock: Clock) -> None:
        """The function app may stop at any moment; nothing stays behind, and it may be used again."""
        vault.add("1", OLD)
        await tokens.digests()
        vault.broken = NEVER
        clock.seconds += TIME_LIMIT / 2
        await tokens.digests()
        running = tokens._refreshing
        await tokens.close()
        assert running is not None
        assert running.cancelled()

        vault.broken = None
        clock.seconds += TIME_LIMIT
        assert await accepts(tokens, OLD)

    async def test_each_event_loop_gets_its_own_client(self, vault: Vault, tokens: VaultTokens, clock: Clock) -> None:
        """Connections belong to the loop that opened them; the tokens known stay known."""
        vault.add("1", OLD)
        await tokens.digests()
        here = tokens._vault

        async def elsewhere() -> bool:
            clock.seconds += TIME_LIMIT
            accepted = await accepts(tokens, OLD)
            await tokens.close()
            return accepted

        assert await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
        assert (vault.lists, vault.values) == (2, ["1"])
        assert here is not None
        await here.close()
