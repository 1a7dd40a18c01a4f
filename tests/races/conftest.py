"""Two servers in processes of their own over one store: what one reads the other may change before it writes."""

import secrets
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import pytest

from tests.azurite import azurite
from tests.races.client import Client, calling, findings
from tests.server import Server, serving

__all__ = ["azurite"]
TOKEN = "a-token-that-only-tests-know"


class Store(NamedTuple):
    """A store and the servers over it."""

    storage: str
    tenant: str
    servers: tuple[Server, Server]
    known: set[str]
    """Findings that an earlier test has answered for."""


@pytest.fixture(scope="module", params=["sqlite", "azurite"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that no other module uses, in a file and in the emulator of Table Storage."""
    folder = tmp_path_factory.mktemp("races")
    file = f"sqlite:{folder / 'scim.db'}"
    storage = file if request.param == "sqlite" else request.getfixturevalue("azurite")
    tenant = f"races{secrets.token_hex(4)}"
    settings = {"SCIM_STORAGE": storage, "SCIM_TENANT": tenant, "SCIM_TOKEN": TOKEN}
    with serving(folder, **settings) as first, serving(folder, **settings) as second:
        yield Store(storage, tenant, (first, second), set())


@pytest.fixture
async def client(store: Store) -> AsyncIterator[Client]:
    """A client of both servers; after the test the store must be without a new finding."""
    async with calling(*store.servers) as made:
        yield made
    new = set(await findings(store.storage, store.tenant)) - store.known
    store.known.update(new)
    assert not new
