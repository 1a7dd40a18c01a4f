"""Remarks of `verify`: who is easily taken for somebody else, though nothing is wrong with the rows."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scim.app import App
from scim.commands import twins
from scim.commands.twins import SHOWN, Twins
from scim.commands.verify import Report, main, verify
from scim.storage.rows import Rows
from scim.storage.sqlite import SqliteRows
from tests.conftest import Clock, Http, make_app


async def verified(app: App) -> tuple[Report, list[str]]:
    said: list[str] = []
    return await verify(app.tenants.default, False, said.append), said


@pytest.mark.parametrize(
    ("one", "other"),
    [("Eng", "Eng "), ("Eng", " eng"), ("New York", "New  York"), ("Eng", "Eng\u00a0"), ("Eng", "ENG\u2003")],
)
async def test_names_that_differ_in_blanks_only_are_a_remark(app: App, http: Http, one: str, other: str) -> None:
    """A filter is exact, so both stay; but a person takes one for the other."""
    ids = [(await http.group(each))["id"] for each in (one, other)]
    await http.group("Other")
    report, said = await verified(app)
    assert (report.left, report.remarks) == (0, 1)
    assert said == [f"remark: Groups whose displayName differs in blanks only: {', '.join(sorted(ids))}"]
    assert report.summary().endswith(": nothing is wrong, 1 remarks")


async def test_names_of_users_too(app: App, http: Http) -> None:
    """And of what is unique in an extension."""
    first = await http.created("/Users", userName="mira@contoso.example")
    second = await http.created("/Users", userName="Mira@contoso.example ")
    _, said = await verified(app)
    ids = sorted([first["id"], second["id"]])
    assert said == [f"remark: Users whose userName differs in blanks only: {', '.join(ids)}"]


@pytest.mark.parametrize("filterable", [("externalId",), ()])
async def test_two_with_one_external_id_are_a_remark(rows: Rows, clock: Clock, filterable: tuple[str, ...]) -> None:
    """Whether it has look-ups or not: Entra fails on both of them, and only a person knows which one is right."""
    app = make_app(rows, clock, filterable=filterable)
    http = Http(app)
    ids = [(await http.user(name, externalId="4711"))["id"] for name in ("mira", "nils", "ida")]
    await http.user("tom", externalId="4712")
    await http.created("/Groups", displayName="Crew", externalId="4711")  # a group is no user
    report, said = await verified(app)
    assert said == [f"remark: Users with one externalId, which Entra takes for one: {', '.join(ids)}"]
    assert (report.left, report.remarks) == (0, 1)


async def test_groups_with_one_external_id_are_a_remark_too(app: App, http: Http) -> None:
    """They are matched in the same way."""
    ids = [(await http.created("/Groups", displayName=name, externalId="g"))["id"] for name in ("Crew", "Deck")]
    _, said = await verified(app)
    assert said == [f"remark: Groups with one externalId, which Entra takes for one: {', '.join(ids)}"]


async def test_a_remark_about_many_names_some(app: App, http: Http) -> None:
    """A mapping to a constant gives everybody the same; the line stays one that can be read."""
    ids = [(await http.user(f"u{number}", externalId="constant"))["id"] for number in range(SHOWN + 3)]
    _, said = await verified(app)
    expected = f"{', '.join(ids[:SHOWN])} and 3 more"
    assert said == [f"remark: Users with one externalId, which Entra takes for one: {expected}"]


@pytest.mark.parametrize("few", [0, 3, 1000])
async def test_twins_are_found_among_however_many(
    app: App, http: Http, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Values are remembered as they are until there are many; the first of two may have come before that."""
    monkeypatch.setattr(twins, "FEW", few)
    ids = [(await http.user(f"u{number}", externalId=str(number % 4)))["id"] for number in range(5)]
    _, said = await verified(app)
    assert said == [f"remark: Users with one externalId, which Entra takes for one: {ids[0]}, {ids[4]}"]


async def test_a_tenant_without_twins_has_no_remark(app: App, http: Http) -> None:
    """Another case is another externalId, and names with other letters are others."""
    await http.user("mira", externalId="a")
    await http.user("nils", externalId="A")
    await http.group("Eng")
    await http.group("Eng2")
    report, said = await verified(app)
    assert (said, report.remarks) == ([], 0)
    assert report.summary().endswith(": nothing is wrong")


async def test_what_is_suspected_without_a_reason_is_no_remark(
    app: App, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among very many values some are alike in all of their bits; they are looked at again and let go."""
    monkeypatch.setattr(twins, "FEW", 2)
    monkeypatch.setattr(twins, "BITS", 8)
    for name in ("mira", "nils", "ida", "tom", "una", "leif"):
        await http.user(name, externalId=name)
    seen = Twins()
    for row in await app.tenants.default.tenant.under("u."):
        seen.see(app.tenants.default.kinds["User"], json.loads(row.body))
    assert seen.suspected
    assert (await verified(app))[1] == []


async def fill(path: Path, clock: Clock) -> None:
    clock.time = datetime.now(UTC)  # the command has no other clock
    app = make_app(SqliteRows(str(path)), clock)
    for name in ("Eng", "Eng "):
        await Http(app).group(name)
    await app.close()


def test_a_remark_is_no_failure_of_the_command(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its exit code tells a script whether something is wrong, and nothing is."""
    asyncio.run(fill(tmp_path / "scim.db", clock))
    monkeypatch.setenv("SCIM_STORAGE", f"sqlite:{tmp_path / 'scim.db'}")
    monkeypatch.delenv("SCIM_TENANT", raising=False)
    assert main([]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("nothing is wrong, 1 remarks")
