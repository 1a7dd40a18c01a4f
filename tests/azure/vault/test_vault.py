"""Tokens from Key Vault: rotation, revocation, outages and secrecy, through the real client over HTTPS."""

import asyncio
import logging
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.keyvault.secrets import KeyVaultSecret
from azure.keyvault.secrets.aio import SecretClient

from scim.access.auth import authorize, digest
from scim.azure.vault import LOAD_BUDGET, PAUSE, REFRESH_BUDGET, TIME_LIMIT, VaultTokens
from scim.protocol.errors import Unauthorized, Unavailable

from .conftest import Clock, Connect, MadeUpIdentity
from .stand_in import ACCESS_TOKEN, Answer, Vault, hang, honest, status, text

OLD = "old-token-0123456789abcdef"
NEW = "new-token-fedcba9876543210"
OTHER = "other-token-aaaabbbbccccdddd"


async def accepts(tokens: VaultTokens, token: str) -> bool:
    try:
        await authorize(f"Bearer {token}", tokens)
    except Unauthorized:
        return False
    return True


NEVER = hang()


def wait_for(tokens: VaultTokens, answers: list[Answer]) -> None:
    """Wait long for each answer, so that a busy machine fails no test, but not for one that never comes."""
    tokens._try_seconds = 0.1 if NEVER in answers else 5.0


async def settled(tokens: VaultTokens) -> None:
    """Wait for the refresh that runs in the background."""
    if tokens._refreshing is not None:
        await asyncio.wait([tokens._refreshing])


class TestWhichVersionsAreValid:
    async def test_the_two_newest_whatever_the_order_of_their_ids(self, vault: Vault, tokens: VaultTokens) -> None:
        """The vault lists by id, so age comes from the time of creation."""
        vault.add("b", OTHER, created=100)
        vault.add("c", OLD, created=200)
        vault.add("a", NEW, created=300)

        assert (digest(NEW), digest(OLD)) == await tokens.digests()
        assert not await accepts(tokens, OTHER)

    @pytest.mark.parametrize(
        "attributes",
        [{"enabled": False}, {"expires": 1_800_000_999}, {"begins": 1_800_001_001}],
        ids=["disabled", "expired", "not begun"],
    )
    async def test_a_version_that_is_not_usable_is_passed_over(
        self, vault: Vault, tokens: VaultTokens, attributes: dict[str, int]
    ) -> None:
        """It neither counts among the two newest nor is its value fetched."""
        vault.add("1", OTHER)
        vault.add("2", OLD)
        vault.add("3", NEW, **attributes)

        assert (digest(OLD), digest(OTHER)) == await tokens.digests()
        assert vault.values == ["2", "1"]

    async def test_versions_on_later_pages_count(self, vault: Vault, tokens: VaultTokens) -> None:
        """A secret that was rotated often is listed in pages."""
        vault.page_size = 2
        for number in range(5):
            vault.add(f"v{number}", f"token-number-{number}")

        assert (digest("token-number-4"), digest("token-number-3")) == await tokens.digests()
        assert vault.lists == 3

    async def test_white_space_around_the_value_does_not_count(self, vault: Vault, tokens: VaultTokens) -> None:
        """A secret set from a file often ends with a line break, which no header carries."""
        vault.add("1", f"{NEW}\n")

        assert await accepts(tokens, NEW)

    async def test_an_expiry_is_kept_to_the_second_without_asking(
        self, vault: Vault, tokens: VaultTokens, clock: Clock
    ) -> None:
        """The cache knows each version's own expiry."""
        vault.add("1", OLD, expires=int(clock.now()) + 10)
        vault.add("2", NEW)
        await tokens.digests()

        clock.seconds += 9
        assert digest(OLD) in await tokens.digests()
        clock.seconds += 1
        assert (digest(NEW),) == await tokens.digests()
        assert vault.lists == 1

    @pytest.mark.parametrize("value", ["@Microsoft.KeyVault(SecretUri=https://made.up/x)", "", "  \n", None])
    async def test_what_cannot_be_a_token_is_refused(
        self, vault: Vault, tokens: VaultTokens, value: str | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An unresolved reference would be a token that everybody can read in the documentation."""
        vault.add("1", value)

        with pytest.raises(Unavailable, match=r"Version 1 of the secret 'scim-token' holds .* instead of a token"):
            await tokens.digests()
        with pytest.raises(Unavailable, match="instead of a token"):
            await tokens.check()
        assert sum("instead of a token" in record.getMessage() for record in caplog.records) == 1

    async def test_a_refused_value_leaves_the_older_tokens_valid(self, vault: Vault, tokens: VaultTokens) -> None:
        """A mistake while rotating stops nobody; the refused version is not fetched again."""
        vault.add("1", OTHER)
        vault.add("2", OLD)
        vault.add("3", "@Microsoft.KeyVault(x)")

        assert (digest(OLD), digest(OTHER)) == await tokens.digests()
        await tokens.refreshed()
        assert vault.values == ["3", "2", "1"]


class TestRotation:
    async def test_no_request_is_refused_while_the_token_is_rotated(
        self, vault: Vault, tokens: VaultTokens, clock: Clock
    ) -> None:
        """Eight clients keep calling while a version is added, they change over, and the old one is disabled."""
        first = vault.add("1", OLD)

        async def call(*held: str) -> None:
            """Let eight clients that hold these tokens send 50 requests each; `authorize` raises if one is refused."""

            async def client(token: str) -> None:
                for _ in range(50):
                    await authorize(f"Bearer {token}", tokens)
                    await asyncio.sleep(0)

            await asyncio.gather(*(client(held[number % len(held)]) for number in range(8)))

        await call(OLD)
        vault.add("2", NEW)
        await call(OLD, NEW)
        await call(NEW)
        first.enabled = False
        for _ in range(4):
            clock.seconds += TIME_LIMIT / 2
            await call(NEW)
            await settled(tokens)

        assert not await accepts(tokens, OLD)
        assert vault.values == ["1", "2"], "each value is fetched once"

    async def test_a_new_version_is_accepted_at_once(self, vault: Vault, tokens: VaultTokens) -> None:
        """An administrator tests the connection right after changing the token."""
        vault.add("1", OLD)
        assert await accepts(tokens, OLD)
        vault.add("2", NEW)

        assert await accepts(tokens, NEW)

    async def test_unknown_tokens_cause_one_refresh_in_half_a_minute(
        self, vault: Vault, tokens: VaultTokens, clock: Clock
    ) -> None:
        """Guessing tokens must not become load on the vault."""
        vault.add("1", OLD)
        await tokens.digests()

        for _ in range(50):
            assert not await accepts(tokens, OTHER)
        assert vault.lists == 2
        clock.seconds += PAUSE - 1
        assert not await accepts(tokens, OTHER)
        assert vault.lists == 2
        clock.seconds += 1
        assert not await accepts(tokens, OTHER)
        assert vault.lists == 3

    async def test_requests_at_the_same_time_share_one_question(self, vault: Vault, tokens: VaultTokens) -> None:
        """A hundred first requests, and then a hundred with a new token, ask the vault once each."""
        vault.add("1", OLD)
        assert all(await asyncio.gather(*(accepts(tokens, OLD) for _ in range(100))))
        assert (vault.challenges, vault.lists, vault.values) == (1, 1, ["1"])

        vault.add("2", NEW)
        assert all(await asyncio.gather(*(accepts(tokens, NEW) for _ in range(100))))
        assert (vault.lists, vault.values) == (2, ["1", "2"])

    async def test_a_request_that_is_cancelled_does_not_stop_the_others(
        self, vault: Vault, tokens: VaultTokens
    ) -> None:
        """The client of the first request may hang up while the tokens are loaded."""
        vault.add("1", OLD)
        first = asyncio.create_task(tokens.digests())
        await asyncio.sleep(0)
        second = asyncio.create_task(tokens.digests())
        await asyncio.sleep(0)
        first.cancel()

        assert (digest(OLD),) == await second
        assert vault.lists == 1


class TestRevocation:
    async def test_a_disabled_version_is_refused_within_the_time_limit(
        self, vault: Vault, tokens: VaultTokens, clock: Clock
    ) -> None:
        """Even when no request came since, as between two cycles of a client."""
        leaked = vault.add("1", OLD)
        vault.add("2", NEW)
        assert await accepts(tokens, OLD)

        leaked.enabled = False
        clock.seconds += TIME_LIMIT
        assert not await accepts(tokens, OLD)
        assert await accepts(tokens, NEW)

    async def test_a_deleted_secret_is_refused_within_the_time_limit(
        self, vault: Vault, tokens: VaultTokens, clock: Clock
    ) -> None:
        """404 after the secret was known is a revocation and not an outage."""
        vault.add("1", OLD)
        assert await accepts(tokens, OLD)

        vault.versions.clear()
        clock.seconds += TIME_LIMIT
        assert not await accepts(tokens, OLD)
        with pytest.raises(Unavailable, match="No version of the secret 'scim-token' is enabled"):
            await tokens.check()

    async def test_busy_requests_never_wait(self, vault: Vault, tokens: VaultTokens, clock: Clock) -> None:
        """From half the time limit on a refresh runs in the background, and requests are served from the cache."""
        leaked = vault.add("1", OLD)
        vault.add("2", NEW)
        await tokens.digests()
        leaked.enabled = False

        clock.seconds += TIME_LIMIT / 2
        served = tokens.digests()
        with pytest.raises(StopIteration) as done:  # a coroutine that never waits ends at its first step
            served.send(None)
        assert (digest(NEW), digest(OLD)) == done.value.value
        await settled(tokens)
        assert (digest(NEW),) == await tokens.digests()
        assert vault.lists == 2

    async def test_a_version_enabled_again_is_valid_again(
        self, vault: Vault, tokens: VaultTokens, clock: Clock
    ) -> None:
        """Disabling can be undone; the value is fetched anew, for nothing is kept of a disabled version."""
        version = vault.add("1", OLD)
        await tokens.digests()
        version.enabled = False
        clock.seconds += TIME_LIMIT
        assert await tokens.digests() == ()

        version.enabled = True
        clock.seconds += TIME_LIMIT
        assert (digest(OLD),) == await tokens.digests()
        assert vault.values == ["1", "1"]


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
            await authorize(f"Bearer {OLD}", tokens)
        assert (raised.value.status, raised.value.headers["Retry-After"]) == (503, "5")
        assert clock.seconds - before <= LOAD_BUDGET
        vault.broken = None
        wait_for(tokens, [])
        assert await accepts(tokens, OLD), "the next request tries again"

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

        monkeypatch.setattr("scim.azure.vault.identity", identity)
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
        here = tokens._client

        async def elsewhere() -> bool:
            clock.seconds += TIME_LIMIT
            accepted = await accepts(tokens, OLD)
            await tokens.close()
            return accepted

        assert await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
        assert (vault.lists, vault.values) == (2, ["1"])
        assert here is not None
        await here.close()
