"""Which versions of a secret are valid, while it is rotated and when it is revoked."""

import asyncio

import pytest

from scim.access.auth import digest
from scim.azure.vault import PAUSE, TIME_LIMIT, VaultTokens
from scim.protocol.errors import Unavailable
from tests.access.letting_in import let_in
from tests.azure.vault.asking import NEW, OLD, OTHER, accepts, settled

from .conftest import Clock, Connect
from .stand_in import Vault


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
            """Let eight clients that hold these tokens send 50 requests each; `let_in` raises if one is refused."""

            async def client(token: str) -> None:
                for _ in range(50):
                    await let_in(f"Bearer {token}", tokens)
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


class TestASecretThatMayBeMissing:
    async def test_it_has_no_tokens_and_is_no_outage(self, connect: Connect) -> None:
        """A deployment without an operator's token: nobody is let in by it, and the health check is content."""
        tokens = connect(may_be_missing=True)
        assert await tokens.digests() == ()
        await tokens.check()
        assert not await accepts(tokens, OLD)

    async def test_it_is_taken_up_when_it_is_made(self, connect: Connect, vault: Vault, clock: Clock) -> None:
        """Within half a minute, when somebody sends it; the vault is not asked for each unknown token."""
        tokens = connect(may_be_missing=True)
        assert not await accepts(tokens, OLD)
        asked = vault.lists
        for _ in range(5):
            assert not await accepts(tokens, OLD)
        assert vault.lists == asked
        vault.add("1", OLD)
        clock.seconds += PAUSE
        assert await accepts(tokens, OLD)
