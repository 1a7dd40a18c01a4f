"""The secret of the key vault is rotated while clients of a whole service go on asking."""

from scim.access.admission import FRESH_SECONDS
from scim.app import build
from scim.azure.vault import TIME_LIMIT, VaultTokens
from scim.directory.tenant import Tenant
from scim.settings import Settings
from tests.access.rotating import Load, PatientRows
from tests.conftest import Clock as ServiceClock
from tests.conftest import Http

from .asking import settled
from .conftest import Clock, Connect
from .stand_in import Vault

OLD, NEW = "old-token-of-the-vault", "new-token-of-the-vault"


async def test_no_client_is_refused_while_the_secret_is_rotated(vault: Vault, connect: Connect, clock: Clock) -> None:
    """A version is added, the clients change over one by one, the old one is disabled: two processes, eight clients."""
    rows, now = PatientRows(), ServiceClock()
    first = vault.add("1", OLD)
    sources: list[VaultTokens] = [connect(), connect()]
    settings = Settings("sqlite::memory:", ("not-this-one-at-all",), journal=False)
    processes = [build(settings, Tenant(rows, "scim", now=now), tokens=each) for each in sources]
    held = [OLD] * 8

    async def ask(number: int) -> int:
        return (await Http(processes[number % 2], held[number]).request("GET", "/Users?count=0")).status

    async def add() -> None:
        vault.add("2", NEW)

    load = Load(ask)
    await load.beside()
    await load.beside(add())
    for number in range(8):
        held[number] = NEW
        await load.beside()
    first.enabled = False
    for _ in range(4):
        clock.seconds += TIME_LIMIT / 2
        now.forward(seconds=FRESH_SECONDS)
        await load.beside()
        for each in sources:
            await settled(each)
    assert [(await Http(app, OLD).request("GET", "/Users")).status for app in processes] == [401, 401]
    for app in processes:
        await app.close()
