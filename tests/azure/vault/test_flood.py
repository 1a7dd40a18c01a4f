"""A flood of tokens that nobody has issued reaches neither the vault nor those whose token is in it."""

import asyncio

from scim.access.strangers import MOST_A_MINUTE
from scim.app import App, build
from scim.azure.vault import TIME_LIMIT, VaultTokens
from scim.directory.tenant import Tenant
from scim.service.messages import Request
from scim.settings import Settings
from tests.access.rotating import PatientRows
from tests.azure.vault.asking import OLD, settled
from tests.conftest import HOST, Http
from tests.conftest import Clock as ServiceClock

from .conftest import Clock
from .stand_in import Vault, status

FLOOD = 1_000
ONE_READING = 8
"""Requests of one reading of the secret at most: a list, its values, and what is tried again."""


async def ask(app: App, number: int) -> int:
    """Ask with a token of its own, from one of a few addresses; return the status."""
    headers = {"authorization": f"Bearer guess-{number}"}
    request = Request("GET", f"{HOST}/scim/v2/Users", headers, b"", "request-1", f"192.0.2.{number % 5}")
    return (await app.endpoints.respond_anywhere(request)).status


async def test_the_vault_is_asked_once_however_many_guess(vault: Vault, tokens: VaultTokens, clock: Clock) -> None:
    """At a cold start, when the cache is old, and while the vault is away; who has a token is served beside them."""
    vault.add("1", OLD)
    rows = PatientRows()
    settings = Settings("sqlite::memory:", ("not-this-one-at-all",), journal=False)
    app = build(settings, Tenant(rows, "scim", now=ServiceClock()), tokens=tokens)
    for broken in (None, None, status(503)):
        vault.broken = broken
        before = vault.asked
        flood = [asyncio.create_task(ask(app, number)) for number in range(FLOOD)]
        assert (await Http(app, OLD).request("GET", "/Users")).status == 200
        statuses = [await each for each in flood]
        await settled(tokens)
        for number in range(FLOOD, FLOOD + ONE_READING):  # and one after the other, when no reading is under way
            statuses.append(await ask(app, number))
            await settled(tokens)
        assert set(statuses) <= {401, 429}
        assert statuses.count(401) <= 5 * MOST_A_MINUTE
        assert vault.asked - before <= ONE_READING
        clock.seconds += TIME_LIMIT
    await app.close()
