"""A vault that is away, or not ready at the first load."""

import logging
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from scim.azure.vault import LOAD_BUDGET, PAUSE, REFRESH_BUDGET, TIME_LIMIT, VaultTokens
from scim.protocol.errors import Unavailable
from tests.access.letting_in import let_in
from tests.azure.vault.asking import NEVER, OLD, accepts, settled, wait_for

from .conftest import Clock, Connect, MadeUpIdentity
from .stand_in import Answer, Vault, honest, status, text


class TestOutage:
    @pytest.mark.parametrize(
        "fault",
        [status(500), status(503), status(429), status(403), status(401), NEVER, text("<html>", "text/html")],
        ids=["500", "503", "429", "403", "401", "time-out", "not a vault"],
    )
    async def test_no_request_is_refused(self, vault: Vault, tokens: VaultTokens, clock: Clock, fault: Answer) -> None:
        """The tokens known last stay valid however long the vault is away, and it is asked twice a minute."""
        vault.add("1", OLD)
        await tokens.digests()

        vault.broken = fault
        wait_for(tokens, [fault])
        for _ in range(20):
            clock.seconds += TIME_LIMIT
            assert await accepts(tokens, OLD)
        await settled(tokens)
        with pytest.raises(Unavailable, match="since 2027-01-15T08:2"):
            await tokens.check()

    async def test_the_log_says_when_it_begins_and_ends_and_no_more(
        self, vault: Vault, tokens: VaultTokens, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One warning for each change of state, however often the vault is asked."""
        vault.add("1", OLD)
        await tokens.digests()
        vault.broken = status(500)
        clock.seconds += TIME_LIMIT
        for _ in range(5):
            with pytest.raises(Unavailable, match="It answers 500"):
                await tokens.check()
            clock.seconds += PAUSE
        vault.broken = None
        clock.seconds += PAUSE
        await tokens.check()

        warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
        assert warnings == [
            "Key Vault does not answer, the tokens known last stay valid. It answers 500.",
            "Key Vault answers again.",
        ]

    async def test_an_expiry_is_kept_in_an_outage(self, vault: Vault, tokens: VaultTokens, clock: Clock) -> None:
        """An outage does not make a token live longer than its version says."""
        vault.add("1", OLD, expires=int(clock.now()) + 1000)
        await tokens.digests()
        vault.broken = status(503)

        clock.seconds += 990
        await tokens.digests()
        await settled(tokens)
        clock.seconds = 1_999
        assert await accepts(tokens, OLD)
        clock.seconds = 2_000
        assert not await accepts(tokens, OLD)

    async def test_revocation_follows_the_end_of_an_outage(
        self, vault: Vault, tokens: VaultTokens, clock: Clock
    ) -> None:
        """Half a minute after the vault answers again the service has asked it."""
        leaked = vault.add("1", OLD)
        await tokens.digests()
        vault.broken = status(503)
        clock.seconds += TIME_LIMIT
        assert await accepts(tokens, OLD)
        leaked.enabled = False
        vault.broken = None

        clock.seconds += PAUSE
        assert await accepts(tokens, OLD), "served from the cache while the vault is asked"
        await settled(tokens)
        assert not await accepts(tokens, OLD)

    async def test_an_outage_costs_a_request_no_more_than_the_refresh_budget(
        self, vault: Vault, tokens: VaultTokens, clock: Clock
    ) -> None:
        """Only the first request after an idle time waits; the next ones know that the vault is away."""
        vault.add("1", OLD)
        await tokens.digests()
        vault.broken = status(500)
        clock.seconds += TIME_LIMIT

        before = clock.seconds
        await tokens.digests()
        assert 0 < clock.seconds - before < REFRESH_BUDGET
        before = clock.seconds
        await tokens.digests()
        assert before == clock.seconds

    async def test_a_vault_that_is_away_is_asked_again_after_a_pause(
        self, vault: Vault, tokens: VaultTokens, clock: Clock
    ) -> None:
        """Half a minute, or longer when the vault says so, however many requests come."""
        vault.add("1", OLD)
        await tokens.digests()
        vault.broken = status(429, Retry_After="60")
        clock.seconds += TIME_LIMIT

        asked = []
        for _ in range(4):
            for _ in range(10):
                await tokens.digests()
                await settled(tokens)
            asked.append(vault.asked)
            clock.seconds += PAUSE
        first = asked[0]
        assert asked == [first, first, first + 1, first + 1]

    async def test_one_fault_is_no_outage(
        self, vault: Vault, tokens: VaultTokens, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A refresh tries again before it gives up, so a hiccup is neither logged nor shown in the health."""
        vault.add("1", OLD)
        await tokens.digests()
        vault.answers = [status(500)]
        clock.seconds += TIME_LIMIT

        await tokens.check()
        assert "does not answer" not in caplog.text


class TestFirstLoad:
    @pytest.mark.parametrize(
        "faults",
        [
            [status(403)] * 3,
            [status(404)] * 3,
            [text('{"value": []}')] * 3,
            [status(429, Retry_After="2")] * 3,
            [status(500), status(502), status(503)],
            [NEVER, NEVER],
            [honest(), status(403)],
            [honest(), status(404)],
            [text("{")],
            [text("[5]")],
            [honest(), text("5")],
        ],
        ids=[
            "403",
            "404",
            "empty",
            "429",
            "5xx",
            "time-out",
            "value 403",
            "value 404",
            "truncated",
            "list of another shape",
            "value of another shape",
        ],
    )
    async def test_a_vault_that_is_not_ready_is_asked_again(
        self, vault: Vault, tokens: VaultTokens, faults: list[Answer]
    ) -> None:
        """Right after a deployment roles still spread and the secret may not be there yet."""
        vault.add("1", OLD)
        vault.answers = list(faults)

        wait_for(tokens, faults)
        assert await accepts(tokens, OLD)
        assert vault.answers == []

    async def test_retry_after_is_waited_for(self, vault: Vault, tokens: VaultTokens, clock: Clock) -> None:
        """The vault says when it will take the next request."""
        vault.add("1", OLD)
        vault.answers = [status(429, Retry_After="3")]
        await tokens.digests()

        assert clock.slept == [3.0]

    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            (status(403), "Key Vault Secrets User"),
            (status(404), "The secret 'scim-token' is not in the vault"),
            (status(401), "gets no access token"),
            (status(429, Retry_After="60"), "It answers 429"),
            (status(500), "It answers 500"),
            (NEVER, "does not answer in time"),
            (text("<html>", "text/html"), "not a vault's"),
        ],
        ids=["403", "404", "401", "429", "500", "time-out", "not a vault"],
    )
    async def test_giving_up_is_unavailable_and_says_why(
        self, vault: Vault, tokens: VaultTokens, clock: Clock, fault: Answer, reason: str
    ) -> None:
        """The answer is 503 with Retry-After, within the budget, and tells the administrator what to change."""
        wait_for(tokens, [fault])
        vault.add("1", OLD)
        vault.broken = fault
        before = clock.seconds

        with pytest.raises(Unavailable, match=reason) as raised:
            await let_in(f"Bearer {OLD}", tokens)
        assert (raised.value.status, int(raised.value.headers["Retry-After"]) >= PAUSE) == (503, True)
        assert clock.seconds - before <= LOAD_BUDGET
        vault.broken = None
        wait_for(tokens, [])
        clock.seconds += float(raised.value.headers["Retry-After"])
        assert await accepts(tokens, OLD), "a request after that time tries again"

    async def test_an_identity_endpoint_that_answers_nonsense(self, vault: Vault, connect: Connect) -> None:
        """azure.identity raises KeyError on a token without its fields; that is an outage too."""

        class Nonsense(MadeUpIdentity):
            async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
                raise KeyError("resource")

        with pytest.raises(Unavailable, match="KeyError"):
            await connect(credential=Nonsense()).digests()

    async def test_nobody_listens(self, vault: Vault, connect: Connect) -> None:
        """A vault that cannot be reached is an outage and not a crash."""
        vault.url = "https://127.0.0.1:9"
        tokens = connect()

        with pytest.raises(Unavailable, match="cannot be reached"):
            await tokens.digests()
        with pytest.raises(Unavailable, match="cannot be reached"):
            await tokens.check()
