"""The mistakes that the isolation suite must notice, a tenant left out somewhere, each with the check that does."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import pytest

from scim.access import fresh
from scim.app import App
from scim.directory import feed_cursor
from scim.directory.entry import Entry
from scim.directory.search import Search
from scim.protocol.errors import NotFound, Unavailable
from scim.service import answers
from scim.service.journals import Journals
from scim.service.tenants import TenantServices
from tests.isolation import checks
from tests.isolation.checks import Check


def _one_cache_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What serves a tenant is kept without the tenant's key."""
    real = TenantServices.of
    kept: list[object] = []

    async def of(self: TenantServices, record: object) -> object:
        kept.append(await real(self, record))  # type: ignore[arg-type]
        return kept[0]

    monkeypatch.setattr(TenantServices, "of", of)


def _one_answer_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the registry said is kept without the key that was asked for."""
    real = fresh.Fresh.get

    async def get(self: fresh.Fresh[object], key: str) -> object:
        return await real(self, min(self._kept, default=key))

    monkeypatch.setattr(fresh.Fresh, "get", get)


def _one_partition_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tenant is left out of where its rows lie."""
    real = TenantServices._made

    def made(self: TenantServices, record: object, *given: object) -> object:
        service = real(self, record, *given)  # type: ignore[arg-type]
        object.__setattr__(service.tenant, "name", "scim")
        return service

    monkeypatch.setattr(TenantServices, "_made", made)


def _one_cursor_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cursor of a search does not say whose it is."""
    real = Search.page

    async def page(self: Search, *given: object) -> object:
        tenant = self._tenant
        self._tenant = _Nameless(tenant)  # type: ignore[assignment]
        try:
            return await real(self, *given)  # type: ignore[arg-type]
        finally:
            self._tenant = tenant

    monkeypatch.setattr(Search, "page", page)


class _Nameless:
    """A tenant that does not say whose it is where a cursor asks, and is itself otherwise."""

    name = ""

    def __init__(self, tenant: object) -> None:
        self._tenant = tenant

    def __getattr__(self, name: str) -> object:
        return getattr(self._tenant, name)


def _one_feed_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cursor of a feed does not say whose it is."""
    monkeypatch.setattr(feed_cursor, "_checksum", lambda _, payload: hashlib.sha256(payload).digest()[:12])


def _one_line_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of the log name the tenant that was asked for first."""
    real = answers.logger.log
    first: list[object] = []

    def log(level: int, text: str, *values: object) -> None:
        first.append(values[-2])
        real(level, text, *values[:-2], first[0], values[-1])

    monkeypatch.setattr(answers.logger, "log", log)


def _one_journal_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is collected goes into the journal of the tenant that came first."""
    real = Journals._written
    keys: list[str] = []

    async def written(self: Journals, key: str, entries: list[Entry]) -> None:
        keys.append(key)
        await real(self, keys[0], entries)

    monkeypatch.setattr(Journals, "_written", written)


class Mutant(NamedTuple):
    """A mistake, and the check that notices it."""

    make: Callable[[pytest.MonkeyPatch], None]
    check: Check


MUTANTS = [
    Mutant(_one_cache_for_all, checks.nothing_crosses),
    Mutant(_one_answer_for_all, checks.nothing_crosses),
    Mutant(_one_partition_for_all, checks.nothing_crosses),
    Mutant(_one_cursor_for_all, checks.cursors_are_of_one_tenant),
    Mutant(_one_feed_for_all, checks.places_in_the_feed_are_of_one_tenant),
    Mutant(_one_line_for_all, checks.lines_name_their_own_tenant),
    Mutant(_one_journal_for_all, checks.the_journal_is_of_one_tenant),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.make.__name__.strip("_"))
async def test_a_tenant_left_out_is_noticed(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mutant: Mutant
) -> None:
    """These tests are able to fail."""
    mutant.make(monkeypatch)
    with pytest.raises((AssertionError, KeyError, NotFound)):
        await mutant.check(app, caplog)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.make.__name__.strip("_"))
async def test_it_is_noticed_over_tables_too(
    on_tables: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mutant: Mutant
) -> None:
    """The same in Table Storage, whose tables refuse another partition than the tenant's themselves."""
    mutant.make(monkeypatch)
    with pytest.raises((AssertionError, KeyError, NotFound, Unavailable)):
        await mutant.check(on_tables, caplog)
