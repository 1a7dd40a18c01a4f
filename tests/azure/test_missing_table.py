"""A table that is gone, and one that holds another directory: nothing is made anew behind anybody's back."""

import logging
import secrets

import pytest

from scim.access.credential import KEY_VAULT
from scim.access.registry import Registry, registry_name
from scim.app import open_store
from scim.azure.account import Account
from scim.azure.connections import Connections
from scim.azure.tables import TableRows
from scim.protocol.errors import Unavailable
from scim.settings import Settings
from scim.storage.rows import Insert
from tests.azure.conftest import port_of
from tests.azure.faults import Service


def not_an_emulator(azurite: str) -> Connections:
    """The emulator's account, as if it were on Azure."""
    account = Connections.from_connection_string(azurite)
    assert account.is_emulator
    account.is_emulator = False
    return account


async def test_a_table_that_is_gone_is_an_outage(azurite: str, table: str, caplog: pytest.LogCaptureFixture) -> None:
    """Every user would be 404, and a client would begin to make everybody anew, before anybody notices."""
    rows = TableRows(not_an_emulator(azurite), table, owned=True)
    for call in (
        lambda: rows.read("t", "a"),
        lambda: rows.range("t", "", "~", 5),
        lambda: rows.commit("t", [Insert("a", "")]),
        lambda: rows.check(),
    ):
        caplog.clear()
        with pytest.raises(Unavailable, match=f"table '{table}' does not exist.*import the last backup") as raised:
            await call()
        assert raised.value.retry_after == 60
        [record] = [each for each in caplog.records if each.name == "scim.azure.tables"]
        assert (record.levelno, record.getMessage()) == (logging.ERROR, f"the table '{table}' does not exist")
    await rows.close()


async def test_a_table_is_made_for_a_new_tenant(azurite: str, table: str) -> None:
    """When somebody asks for it, on whatever store, and once."""
    rows = TableRows(not_an_emulator(azurite), table, owned=True)
    await rows.make_table()
    await rows.make_table()
    await rows.commit("t", [Insert("a", "")])
    assert await rows.read("t", "a") is not None
    await rows.close()


async def test_the_first_use_is_noted_where_there_is_no_registry_yet(azurite: str, table: str) -> None:
    """A deployment of one directory has none until something is to be kept there."""
    store = Account(not_an_emulator(azurite))
    registry = Registry(store, registry_name(table))
    assert await registry.last_used(KEY_VAULT) == ""
    for _ in range(2):
        await registry.note_use(KEY_VAULT)
    assert await registry.last_used(KEY_VAULT) == registry.time()[:10]
    await store.close()


def test_azure_is_no_emulator() -> None:
    """A key does not make one: only the address, or the name that all emulators have."""
    key = secrets.token_hex(8)
    azure = f"DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey={key};EndpointSuffix=core.windows.net"
    assert not Connections.from_connection_string(azure).is_emulator
    assert Connections.from_connection_string("UseDevelopmentStorage=true").is_emulator
    elsewhere = f"AccountName=devstoreaccount1;AccountKey={key};TableEndpoint=http://azurite:10002/devstoreaccount1"
    assert Connections.from_connection_string(elsewhere).is_emulator


async def test_a_second_directory_in_a_table_is_refused(azurite: str, table: str) -> None:
    """A table is the same whatever the case of its name, and a partition is not: the directory would seem empty."""
    store = open_store(Settings(storage=azurite))
    await store.rows(table).commit(table, [Insert("u.1", "")])
    other = store.rows(table.upper())
    assert await other.range(table.upper(), "", "~", 5) == []
    with pytest.raises(Unavailable, match=f"holds the directory '{table}'.*SCIM_TENANT") as raised:
        await other.commit(table.upper(), [Insert("u.2", "")])
    assert raised.value.retry_after == 60
    assert [row.key for row in await other.range(table, "", "~", 5)] == ["u.1"]
    await store.close()


async def test_to_look_for_another_directory_costs_an_ordinary_write_nothing(
    azurite: str, table: str, service: Service
) -> None:
    """Where a row of the directory was read, it is there; else two questions, once in the life of a process."""
    address = azurite.replace(f":{port_of(azurite)}/", f":{service.port}/")
    rows = TableRows.from_connection_string(address, table, one_partition=True)
    await rows.commit(table, [Insert("a", "")])
    assert [line.split()[0] for line in service.asked].count("GET") == 3  # the first finds no table
    await rows.close()
    again = TableRows.from_connection_string(address, table, one_partition=True)
    await again.read(table, "a")
    service.asked.clear()
    for number in range(3):
        await again.commit(table, [Insert(f"b{number}", "")])
    assert [line.split()[0] for line in service.asked] == ["POST"] * 3
    await again.close()
