"""A table for each tenant in one account: kept apart, over shared connections, and dropped whole."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.pipeline.transport import AioHttpTransport

from scim.azure.account import Account
from scim.azure.connections import new_transport
from scim.storage.rows import Insert


def name() -> str:
    return f"t{secrets.token_hex(8)}"


class Counting:
    """Makes transports, and counts them."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def __call__(self) -> Any:
        self.made.append(new_transport())
        return self.made[-1]


@pytest.fixture
def transports() -> Counting:
    """What the account's transports come from."""
    return Counting()


@pytest.fixture
async def account(azurite: str, transports: Counting) -> AsyncIterator[Account]:
    """An account of the emulator."""
    made = Account.from_connection_string(azurite, make_transport=transports)
    yield made
    await made.close()


async def test_tenants_are_tables_that_know_nothing_of_each_other(account: Account) -> None:
    """The same partition and key in two of them are two rows."""
    one, other = name(), name()
    for each in (one, other):
        await account.make(each)
        await account.rows(each).commit(each, [Insert("a", f"of {each}")])
    row = await account.rows(one).read(one, "a")
    assert row is not None
    assert row.body == f"of {one}"
    assert await account.rows(one).read(other, "a") is None


async def test_all_tables_share_one_set_of_connections(account: Account, transports: Counting) -> None:
    """Hundreds of tenants need no hundreds of connections; and closing a table's rows closes nobody else's."""
    names = [name() for _ in range(5)]
    for each in names:
        await account.make(each)
        rows = account.rows(each)
        await rows.commit(each, [Insert("a", "")])
        await rows.close()
    used = [each for each in transports.made if isinstance(each, AioHttpTransport) and each.session is not None]
    assert len(used) == 1
    assert await account.rows(names[0]).read(names[0], "a") is not None


async def test_a_table_is_made_once(account: Account) -> None:
    """Making it again keeps its rows."""
    table = name()
    await account.make(table)
    await account.rows(table).commit(table, [Insert("a", "")])
    await account.make(table)
    assert await account.rows(table).read(table, "a") is not None


async def test_a_table_is_dropped_whole_and_may_be_dropped_again(account: Account) -> None:
    """After a crash the timer repeats it."""
    table = name()
    await account.make(table)
    await account.rows(table).commit(table, [Insert("a", "")])
    assert await account.drop(table, 1)
    assert await account.drop(table, 1)
    await account.make(table)
    assert await account.rows(table).read(table, "a") is None


@pytest.mark.parametrize("text", ["", "nonsense", "AccountName=x"])
def test_text_that_leads_to_no_account_fails_at_once(text: str) -> None:
    """Not at the first request."""
    with pytest.raises(ValueError, match=r"(?i)connection string"):
        Account.from_connection_string(text)
