"""The registry: what it keeps of tenants and credentials, and what others may do at the same time."""

import asyncio
from dataclasses import replace

import pytest

from scim.access.credential import Credential, Federation, credential_in
from scim.access.registry import Registry
from scim.access.tenants import TenantRecord, as_key, new_key
from scim.protocol.errors import NotFound
from scim.storage.rows import Row
from scim.storage.store import Partitions
from tests.conftest import Clock
from tests.recording import RecordingRows

NAME = "registryscim"


@pytest.fixture
def registry(rows: RecordingRows, clock: Clock) -> Registry:
    """An empty registry."""
    return Registry(Partitions(rows), NAME, clock)


def access_token(number: int, client: str, expires: str) -> Credential:
    return Credential(f"a{number}", "k", "", "provision", "access", client=client, expires=expires)


def test_a_key_tells_nobody_s_name() -> None:
    """20 random characters, a letter first, compared whatever their case; the default tenant's is `scim`."""
    keys = {new_key() for _ in range(200)}
    assert len(keys) == 200
    assert all(len(key) == 20 and key[0].isalpha() and as_key(key.upper()) == key for key in keys)
    assert as_key("SCIM") == "scim"


@pytest.mark.parametrize("text", ["", "contoso", "admin", "1" * 20, "a" * 21, "a" * 19 + "/", "registryscim"])
def test_what_cannot_be_a_key_is_none(text: str) -> None:
    """So that no row is looked for by a client's own text."""
    assert as_key(text) is None


async def test_a_tenant_is_kept_as_it_was_made(registry: Registry) -> None:
    """By its key, and in the list of all."""
    made = await registry.create_tenant("Contoso")
    assert (made.name, made.status, made.created) == ("Contoso", "active", "2026-01-31T12:00:00.000Z")
    assert await registry.tenant(made.key) == made
    assert await registry.tenants() == [made]
    assert await registry.tenant("unknown") is None


async def test_the_default_tenant_gets_a_row_with_its_first_change(registry: Registry) -> None:
    """Any other that is not there is NotFound."""
    changed = await registry.change_tenant("scim", lambda each: replace(each, burst=5))
    assert changed == await registry.tenant("scim") == TenantRecord("scim", burst=5)
    with pytest.raises(NotFound):
        await registry.change_tenant(new_key(), lambda each: each)


async def test_changes_of_one_tenant_at_once_are_all_kept(registry: Registry, rows: RecordingRows) -> None:
    """A change that meets another one is applied again."""
    key = (await registry.create_tenant("Contoso")).key

    async def other() -> None:
        await registry.change_tenant(key, lambda each: replace(each, rate=7))

    rows.before_commit(other)
    await registry.change_tenant(key, lambda each: replace(each, burst=5))
    found = await registry.tenant(key)
    assert found is not None
    assert (found.rate, found.burst) == (7, 5)


async def test_a_credential_is_kept_with_all_that_it_has(registry: Registry) -> None:
    """A federated client has the most."""
    federation = Federation("tid", ("s1", "s2"), ("a1",), "usgov")
    made = Credential("c1", "k", "Entra", "provision", "federated", expires="2027-01-01T00:00:00.000Z")
    made = replace(made, federation=federation, strict=True)
    await registry.add_credential(made)
    assert await registry.credential("c1") == made
    assert await registry.credentials("k") == [made]
    assert await registry.credentials("other") == []


def test_what_a_later_version_has_written_is_read() -> None:
    """During an update two versions of the service read the same rows."""
    body = Credential("c1", "k", "n", "read").body().replace("{", '{"later":1,', 1)
    assert credential_in(Row("c.c1", body, "1")) == Credential("c1", "k", "n", "read")


async def test_a_new_expiry_moves_the_row_that_tells_of_it(registry: Registry, rows: RecordingRows) -> None:
    """Or a warning would come for the old one."""
    await registry.add_credential(Credential("c1", "k", "n", "read", expires="2026-02-01T00:00:00.000Z"))
    await registry.change_credential("c1", lambda each: replace(each, expires="2027-02-01T00:00:00.000Z"))
    found = await rows.range(NAME, "x.", "x.~", 10)
    assert [row.key for row in found] == ["x.1801440000000.c1"]


async def test_access_tokens_are_found_by_client_and_by_expiry(registry: Registry, clock: Clock) -> None:
    """The first to expire first; those that have expired are for the timer to sweep."""
    await registry.add_credential(access_token(1, "c", "2026-01-31T14:00:00.000Z"))
    await registry.add_credential(access_token(2, "c", "2026-01-31T13:00:00.000Z"))
    await registry.add_credential(access_token(3, "other", "2026-01-31T13:00:00.000Z"))
    assert await registry.access_tokens("c") == ["a2", "a1"]
    assert await registry.credentials("k") == []
    assert await registry.expired_access_tokens(10) == []
    clock.forward(hours=1.5)
    expired = await registry.expired_access_tokens(10)
    assert sorted(expired) == ["a2", "a3"]
    await registry.remove_credentials(expired)
    assert await registry.expired_access_tokens(10) == []
    assert await registry.access_tokens("c") == ["a1"]


async def test_the_day_of_the_last_use_never_goes_back(registry: Registry, clock: Clock) -> None:
    """Whichever process writes last."""
    assert await registry.last_used("c1") == ""
    await asyncio.gather(*(registry.note_use("c1") for _ in range(5)))
    clock.forward(days=1)
    await registry.note_use("c1")
    clock.forward(days=-1)
    await registry.note_use("c1")
    assert await registry.last_used("c1") == "2026-02-01"


async def test_a_tenant_that_is_dropped_leaves_its_row_alone(registry: Registry, rows: RecordingRows) -> None:
    """Credentials, access tokens, schemas, marks and last uses go; those of others stay."""
    made, other = await registry.create_tenant("Contoso"), await registry.create_tenant("Fabrikam")
    for key in (made.key, other.key):
        await registry.add_credential(Credential(f"c{key}", key, "n", "read", expires="2027-01-01T00:00:00.000Z"))
        await registry.note_use(f"c{key}")
        await registry.put_schema(key, "urn:a:User", "{}")
        await registry.mark(key)
        await registry.add_credential(replace(access_token(1, f"c{key}", "2026-02-01T00:00:00.000Z"), id=f"a{key}"))
    await registry.drop_tenant(made.key)
    left = [row.key for row in await rows.range(NAME, "", "~", 100)]
    assert [key for key in left if made.key in key] == [f"t.{made.key}"]
    assert sum(other.key in key for key in left) == 10
