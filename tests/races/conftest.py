"""Two servers in processes of their own over one store: what one reads the other may change before it writes.

In half of the stores their requests also run out of time, at calls that nobody knows before; see `cutting`.
"""

import secrets
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import pytest

from tests.azurite import azurite
from tests.races.client import Client, calling, findings, tidy
from tests.server import Server, serving

__all__ = ["azurite"]
TOKEN = "a-token-that-only-tests-know"


class Store(NamedTuple):
    """A store and the servers over it."""

    storage: str
    tenant: str
    servers: tuple[Server, Server]
    cut: bool
    """Whether requests run out of time."""
    known: set[str]
    """Findings that an earlier test has answered for."""


CUT = ["sqlite, out of time", "azurite, out of time"]


@pytest.fixture(scope="module", params=["sqlite", "azurite", *CUT])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that no other module uses, in a file and in the emulator of Table Storage."""
    folder = tmp_path_factory.mktemp("races")
    file = f"sqlite:{folder / 'scim.db'}"
    storage = file if request.param.startswith("sqlite") else request.getfixturevalue("azurite")
    tenant, cut = f"races{secrets.token_hex(4)}", request.param in CUT
    settings = {"SCIM_STORAGE": storage, "SCIM_TENANT": tenant, "SCIM_TOKEN": TOKEN}
    one, other = [("tests.races.cutting", seed, "serve") if cut else ("scim", "serve") for seed in ("1", "2")]
    with serving(folder, command=one, **settings) as first, serving(folder, command=other, **settings) as second:
        yield Store(storage, tenant, (first, second), cut, set())


@pytest.fixture
async def client(store: Store) -> AsyncIterator[Client]:
    """A client of both servers; after the test the store must be without a new finding."""
    async with calling(*store.servers) as made:
        yield made
    if store.cut:
        await tidy(store.storage, store.tenant)
    new = set(await findings(store.storage, store.tenant)) - store.known
    store.known.update(new)
    assert not new
