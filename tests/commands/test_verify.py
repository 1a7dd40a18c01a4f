"""Verification: each way in which rows can disagree is found, and repaired where that follows from documents."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scim.app import App
from scim.commands.differences import Differences, Sums
from scim.commands.verify import verify
from scim.directory import keys
from scim.storage.rows import Delete, Insert, Replace, Row, RowChange, RowConflict, Rows
from scim.storage.sqlite import SqliteRows
from tests.conftest import TOKEN, Clock, Http, make_app
from tests.samples import CONTOSO, EXTENSIONS

FILTERABLE = ("externalId", "emails.value")
Spoil = Callable[[Rows, dict[str, str]], Awaitable[Sequence[RowChange]]]


@pytest.fixture
async def app(rows: Rows, clock: Clock) -> App:
    """A service with two look-ups."""
    return make_app(rows, clock, filterable=FILTERABLE)


@pytest.fixture
async def ids(http: Http) -> dict[str, str]:
    """Two users and a group in a group, by name."""
    mira = await http.user("mira", externalId="m-1", emails=[{"value": "mira@contoso.example"}])
    omar = await http.user("omar", externalId="o-1")
    inner = await http.group("inner", mira["id"], omar["id"])
    outer = await http.group("outer", inner["id"])
    return {"mira": mira["id"], "omar": omar["id"], "inner": inner["id"], "outer": outer["id"]}


async def said(app: App, repair: bool = False) -> list[str]:
    lines: list[str] = []
    await verify(app.tenants.default, repair, lines.append)
    return lines


async def the_row(rows: Rows, key: str) -> Row:
    row = await rows.read("scim", key)
    assert row is not None, key
    return row


async def first(rows: Rows, prefix: str) -> Row:
    return (await rows.range("scim", prefix, prefix + keys.BEYOND, 1))[0]


async def everything(rows: Rows) -> dict[str, str]:
    """Return all rows but change rows."""
    found = await rows.range("scim", "", keys.BEYOND, 10_000)
    return {row.key: row.body for row in found if row.key[0] not in "efop" and row.key != "s.feed"}


async def _look_up_missing(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    return [Delete((await first(rows, keys.all_look_ups("u", "externalId"))).key)]


async def _look_up_of_nobody(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    return [Insert(keys.look_up("u", "externalId", "x", "f" * 32), "")]


async def _look_up_of_another_value(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    return [Insert(keys.look_up("u", "emails.value", "old@contoso.example", ids["mira"]), "")]


async def _name_missing(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    return [Delete(keys.name("u", "userName", "mira@contoso.example"))]


async def _name_of_nobody(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    return [Insert(keys.name("u", "userName", "nobody"), "f" * 32)]


async def _name_of_another(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    row = await the_row(rows, keys.name("u", "userName", "mira@contoso.example"))
    return [Replace(row.key, ids["omar"], row.version)]


async def _member_side_missing(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    return [Delete(keys.membership(ids["mira"], ids["inner"]))]


async def _group_side_missing(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    return [Delete(keys.member(ids["inner"], ids["mira"]))]


async def _member_of_the_wrong_kind(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    row = await the_row(rows, keys.member(ids["inner"], ids["mira"]))
    return [Replace(row.key, "g", row.version)]


async def _ghost_member(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    return [Insert(keys.member(ids["inner"], "f" * 32), "u"), Insert(keys.membership("f" * 32, ids["inner"]), "")]


async def _ghost_group(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    return [Insert(keys.member("f" * 32, ids["mira"]), "u"), Insert(keys.membership(ids["mira"], "f" * 32), "")]


async def _wrong_count(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    row = await the_row(rows, keys.count("u", ids["mira"]))
    return [Replace(row.key, "7", row.version)]


async def _count_that_is_no_number(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    row = await the_row(rows, keys.count("g", ids["inner"]))
    return [Replace(row.key, "two", row.version)]


async def _count_missing(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    return [Delete(keys.count("g", ids["inner"]))]


async def _count_of_nothing(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    return [Insert("c.u.ff", "1")]


async def _tombstone_of_the_living(rows: Rows, ids: dict[str, str]) -> Sequence[RowChange]:
    return [Insert(keys.tombstone(ids["mira"]), "u")]


REPAIRABLE = {
    "missing": _look_up_missing,
    "no User has this id": _look_up_of_nobody,
    "has no such value": _look_up_of_another_value,
    "missing for": _name_missing,
    "nobody has this name": _name_of_nobody,
    "belongs to": _name_of_another,
    "missing on the member's side": _member_side_missing,
    "on the member's side only": _group_side_missing,
    "has the kind 'g'": _member_of_the_wrong_kind,
    "is '7', should be 2": _wrong_count,
    "is 'two', should be 2": _count_that_is_no_number,
    "missing, should be 2": _count_missing,
    "is '1', should be 0": _count_of_nothing,
    "its memberships are hidden": _tombstone_of_the_living,
}


async def test_a_tenant_that_was_written_by_the_service_is_clean(app: App, http: Http, ids: dict[str, str]) -> None:
    """After creations, changes, renames and deletions; the summary counts what there is."""
    await http.request("DELETE", f"/Users/{ids['omar']}")
    rename = {"Operations": [{"op": "replace", "path": "userName", "value": "mira.m@contoso.example"}]}
    assert (await http.request("PATCH", f"/Users/{ids['mira']}", rename)).status == 200
    lines: list[str] = []
    report = await verify(app.tenants.default, False, lines.append)
    assert lines == []
    assert report.summary() == "1 users, 2 groups, 2 memberships: nothing is wrong"


@pytest.mark.parametrize(("text", "spoil"), REPAIRABLE.items())
async def test_what_follows_from_documents_is_found_and_repaired(
    app: App, rows: Rows, ids: dict[str, str], text: str, spoil: Spoil
) -> None:
    """One line says what is wrong; without --repair nothing is written, with it all is well and no truth is changed."""
    whole = await everything(rows)
    await rows.commit("scim", await spoil(rows, ids))
    spoiled = await everything(rows)
    lines = await said(app)
    assert len(lines) == 1
    assert text in lines[0]
    assert await everything(rows) == spoiled
    assert await said(app, repair=True) == [f"{lines[0]} (repaired)"]
    assert await said(app) == []
    repaired = await everything(rows)
    truth = ("u.", "g.", "m.") if spoil is not _member_of_the_wrong_kind else ("u.", "g.")
    assert {k: v for k, v in repaired.items() if k.startswith(truth)} == {
        k: v for k, v in spoiled.items() if k.startswith(truth)
    }
    if spoil not in (_group_side_missing, _count_of_nothing):
        assert repaired == whole


@pytest.mark.parametrize("spoil", [_ghost_member, _ghost_group])
async def test_memberships_of_nobody_are_left_to_the_timer(
    app: App, rows: Rows, ids: dict[str, str], spoil: Spoil
) -> None:
    """A tombstone hides them at once, and the timer removes them."""
    whole = await everything(rows)
    await rows.commit("scim", await spoil(rows, ids))
    [line] = await said(app)
    assert "does not exist" in line
    assert await said(app, repair=True) == [f"{line} (repaired)"]
    assert await said(app) == []
    await app.maintenance.run()
    assert {key: row for key, row in (await everything(rows)).items() if key != keys.SIZES} == whole


async def test_two_with_one_name_are_for_a_person_to_decide(app: App, rows: Rows, ids: dict[str, str]) -> None:
    """Nothing is repaired, and the line names both."""
    row = await the_row(rows, keys.resource("u", ids["omar"]))
    twin = json.loads(row.body) | {"userName": "MIRA@contoso.example", "externalId": "o-1"}
    name = Delete(keys.name("u", "userName", "omar@contoso.example"))
    await rows.commit("scim", [Replace(row.key, json.dumps(twin), row.version, row.modified), name])
    before = await everything(rows)
    [line] = await said(app, repair=True)
    assert "more than one User has this name" in line
    assert ids["mira"] in line
    assert ids["omar"] in line
    assert await everything(rows) == before


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"userName":"m","emails":"x","meta":{"created":"x"}}', "cannot be read"),
        ('{"userName":0.5,"meta":{"created":"x"}}', "does not fit its schema"),
        ('{"userName":"mira@contoso.example"}', "no meta.created"),
    ],
)
async def test_documents_are_never_repaired(app: App, rows: Rows, ids: dict[str, str], body: str, text: str) -> None:
    """Nor are the rows of a document that cannot be read: its name stays taken."""
    row = await the_row(rows, keys.resource("u", ids["mira"]))
    await rows.commit("scim", [Replace(row.key, body, row.version)])
    lines = await said(app, repair=True)
    assert any(text in line and "(repaired)" not in line for line in lines)
    if "cannot be read" in text:
        assert len(lines) == 1
        assert await rows.read("scim", keys.name("u", "userName", "mira@contoso.example"))
    assert (await the_row(rows, row.key)).body == body


async def test_rows_of_unknown_kinds_are_pointed_out(app: App, rows: Rows, ids: dict[str, str]) -> None:
    """They may be those of a newer version; a repair leaves them alone."""
    strangers = [Insert("b.1", ""), Insert("l.1", ""), Insert("z.1", ""), Insert("x.short", "")]
    await rows.commit("scim", strangers)
    lines = await said(app, repair=True)
    assert [line.split(":")[0] for line in sorted(lines)] == ["b.1", "l.1", "x.short", "z.1"]
    assert all("no row of this version" in line for line in lines)
    assert all([await rows.read("scim", each.key) for each in strangers])


async def test_change_rows_that_nobody_expires_are_pointed_out(app: App, clock: Clock, ids: dict[str, str]) -> None:
    """That is how an operator notices that the timer does not run."""
    clock.forward(days=90)
    assert await said(app) == []
    clock.forward(days=2)
    [line] = await said(app)
    assert "does the timer run?" in line
    await app.maintenance.run()
    assert await said(app) == []


# Look-ups of attributes that became filterable


@pytest.mark.parametrize("repair", [False, True])
async def test_an_empty_tenant_is_clean_and_stays_complete(rows: Rows, clock: Clock, repair: bool) -> None:
    """Its first resource will have all look-ups, whatever was recorded before."""
    assert await said(make_app(rows, clock, filterable=("externalId",)), repair) == []
    later = make_app(rows, clock, filterable=FILTERABLE)
    assert await said(later, repair) == []
    await Http(later).user("mira", emails=[{"value": "mira@contoso.example"}])
    assert await said(later) == []
    assert "u.externalId" in await later.indexes.complete()


async def test_a_repair_completes_the_look_ups_of_a_new_attribute(
    rows: Rows, clock: Clock, http: Http, ids: dict[str, str]
) -> None:
    """Until then a filter reads everybody; afterwards it is answered by the rows that were made."""
    for number in range(3):
        await http.user(f"late{number}", userType="late")
    later = make_app(rows, clock, filterable=(*FILTERABLE, "displayName", "userType"))
    assert "u.userType" not in await later.indexes.complete()
    lines = await said(later)
    assert [line.split(":")[0] for line in lines] == ["u.displayName", "u.userType"]
    await said(later, repair=True)
    assert await said(later) == []
    assert "u.userType" in await later.indexes.complete()
    found = await Http(later).request("GET", '/Users?filter=userType%20eq%20"LATE"')
    assert found.body["totalResults"] == 3


async def test_look_ups_of_an_attribute_that_is_no_longer_filterable_are_removed(
    rows: Rows, clock: Clock, ids: dict[str, str]
) -> None:
    """Once the service itself has taken it from its record."""
    fewer = make_app(rows, clock, filterable=("externalId",))
    assert "emails.value" in " ".join(await said(fewer, repair=True))
    prefix = keys.all_look_ups("u", "emails.value")
    assert await rows.range("scim", prefix, prefix + keys.BEYOND, 1), "a shell without the service's settings"
    await fewer.indexes.complete()
    [line] = await said(fewer)
    assert "not filterable any longer" in line
    await said(fewer, repair=True)
    assert not await rows.range("scim", prefix, prefix + keys.BEYOND, 1)
    assert await said(fewer) == []


async def test_a_shell_without_the_settings_of_the_service_changes_nothing(
    app: App, rows: Rows, clock: Clock, ids: dict[str, str]
) -> None:
    """The record of complete look-ups is the service's; a verification elsewhere says what is set differently."""
    before = await everything(rows)
    elsewhere = make_app(rows, clock, filterable=("externalId",))
    lines = await said(elsewhere, repair=True)
    assert lines
    assert all("set it as in the service" in line for line in lines)
    assert await everything(rows) == before
    assert "u.emails.value" in await make_app(rows, clock, filterable=FILTERABLE).indexes.complete()


async def test_a_shell_without_the_schemas_of_the_service_changes_nothing(rows: Rows, clock: Clock) -> None:
    """Names in an extension that it does not know look as if nobody had them; they keep values unique."""
    service = make_app(rows, clock, schemas=EXTENSIONS)
    await Http(service).user("mira", **{CONTOSO: {"cardNumber": "B-1", "clearance": "low"}})
    before = await everything(rows)
    lines = await said(make_app(rows, clock), repair=True)
    assert ["SCIM_SCHEMAS" in line for line in lines] == [True]
    assert await everything(rows) == before
    assert await said(service) == []


async def test_a_resource_with_too_many_values_keeps_its_attribute_from_being_complete(
    rows: Rows, clock: Clock, http: Http, ids: dict[str, str]
) -> None:
    """More look-up rows than fit into a transaction could not be kept; the line says what to do."""
    numbers = [{"value": f"+49 89 {number}"} for number in range(50)]
    await http.user("busy", phoneNumbers=numbers)
    later = make_app(rows, clock, filterable=(*FILTERABLE, "phoneNumbers.value"))
    lines = await said(later, repair=True)
    assert any("has more than" in line and "SCIM_FILTERABLE" in line for line in lines)
    clock.forward(minutes=2)
    assert "u.phoneNumbers.value" not in await later.indexes.complete()
    assert "u.emails.value" in await later.indexes.complete()


# A tenant in use, and a large one


class Meddling(SqliteRows):
    """A store in which somebody else changes something just before a commit, once."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.meddle: Callable[[], Awaitable[None]] | None = None

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        meddle, self.meddle = self.meddle, None
        if meddle:
            await meddle()
        return await super().commit(partition, changes, mark)


@pytest.mark.parametrize("spoil", [_look_up_missing, _name_missing, _member_side_missing, _wrong_count])
async def test_a_repair_gives_way_to_a_change_at_the_same_time(clock: Clock, spoil: Spoil) -> None:
    """It conflicts, looks again, and leaves a tenant that is right for what is there now."""
    rows = Meddling()
    app = make_app(rows, clock, filterable=FILTERABLE)
    http = Http(app)
    mira = await http.user("mira", externalId="m-1")
    omar = await http.user("omar")
    inner = await http.group("inner", mira["id"], omar["id"])
    ids = {"mira": mira["id"], "omar": omar["id"], "inner": inner["id"]}
    await rows.commit("scim", await spoil(rows, ids))

    async def meddle() -> None:
        assert (await http.request("DELETE", f"/Users/{mira['id']}")).status == 204

    rows.meddle = meddle
    await said(app, repair=True)
    assert rows.meddle is None
    assert await said(app) == []
    await rows.close()


async def test_differences_are_found_in_parts(
    app: App, rows: Rows, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few rows may be held at once, each difference is found."""
    monkeypatch.setattr("scim.commands.verify.HELD", 1)
    spoils = (_look_up_missing, _look_up_of_nobody, _name_missing, _name_of_nobody, _member_side_missing)
    for spoil in spoils:
        await rows.commit("scim", await spoil(rows, ids))
    assert len(await said(app)) == len(spoils)
    await said(app, repair=True)
    assert await said(app) == []


def test_sums_are_level_when_both_sides_are_the_same() -> None:
    """In whatever order; one row more on either side shows in one part."""
    sums = Sums()
    for number in range(1000):
        sums.expect("name", f"n.{number}", "a")
        sums.find("name", f"n.{999 - number}", "a")
    assert sums.uneven() == []
    sums.find("name", "n.1", "b")
    [part] = sums.uneven()
    differences = Differences([part])
    differences.find("name", "n.1", "b")
    [suspect] = differences.suspects()
    assert (suspect.about, suspect.ids) == ("n.1", frozenset("b"))


# The command


def run(path: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    settings = {"SCIM_STORAGE": f"sqlite:{path}", "SCIM_TOKEN": TOKEN} | environ
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "scim", "verify", *options], env=settings, capture_output=True, text=True, check=False
    )


async def spoiled_file(path: Path, clock: Clock) -> None:
    clock.time = datetime.now(UTC)  # the command has no other clock
    rows = SqliteRows(str(path))
    await Http(make_app(rows, clock)).user("mira", externalId="m-1")
    await rows.commit("scim", await _look_up_missing(rows, {}))
    await rows.close()


def test_the_command_says_by_its_code_whether_all_is_well(tmp_path: Path, clock: Clock) -> None:
    """1 with findings, 0 after their repair; one line for each and a summary, no bar where there is no terminal."""
    asyncio.run(spoiled_file(tmp_path / "scim.db", clock))
    found = run(tmp_path / "scim.db")
    assert found.returncode == 1
    assert found.stderr == ""
    line, summary = found.stdout.splitlines()
    assert line.endswith(": missing")
    assert summary == "1 users, 0 groups, 0 memberships: 1 findings"
    repaired = run(tmp_path / "scim.db", "--repair")
    assert repaired.returncode == 0
    assert repaired.stdout.splitlines()[-1].endswith("1 findings, 1 repaired, 0 left")
    assert run(tmp_path / "scim.db").returncode == 0


def test_the_command_says_what_it_needs(tmp_path: Path) -> None:
    """Usage and settings that are wrong are 2, in one line."""
    assert run(tmp_path / "scim.db", "--mend").returncode == 2
    unset = run(tmp_path / "scim.db", SCIM_STORAGE="")
    assert unset.returncode == 2
    assert "SCIM_STORAGE" in unset.stderr
    assert len(unset.stderr.splitlines()) == 1


async def test_a_conflict_without_end_is_not_called_repaired(
    app: App, rows: Rows, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finding stays, so that the command does not end with 0."""
    await rows.commit("scim", await _look_up_missing(rows, ids))

    async def refuse(*_: object) -> list[str]:
        raise RowConflict

    monkeypatch.setattr("scim.commands.verify.Verification._commit", refuse)
    lines: list[str] = []
    report = await verify(app.tenants.default, True, lines.append)
    assert report.left == 1
