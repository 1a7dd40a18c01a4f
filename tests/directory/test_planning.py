"""Plans: which candidates look-ups leave, so that nobody else is looked at."""

from typing import Any

import pytest

from scim.app import App
from scim.directory.planning import Plan, Planner
from scim.protocol.errors import InvalidFilter, TooMany
from scim.storage.rows import Rows
from tests.conftest import Clock, Http, make_app
from tests.samples import ENTERPRISE


@pytest.fixture
def app(rows: Rows, clock: Clock) -> App:
    """A service that looks up what it does by default, and whether somebody is active."""
    filterable = ("externalId", "emails.value", "employeeNumber", "manager.value", "active")
    return make_app(rows, clock, filterable=filterable)


@pytest.fixture
async def crew(http: Http) -> dict[str, Any]:
    """Three people of whom two share an externalId and an address, and a group with one of them; by name."""
    shared = {"externalId": "E", "emails": [{"value": "s@x", "type": "work"}]}
    made = {"mira": await http.user("mira", active=True, **shared), "nils": await http.user("nils", **shared)}
    manager = {ENTERPRISE: {"employeeNumber": "7", "manager": {"value": made["mira"]["id"]}}}
    made["ida"] = await http.user("ida", active=False, **manager)
    made["Crew"] = await http.group("Crew", made["mira"]["id"])
    return made


async def planned(app: App, text: str | None, *kinds: str, most: int = 10) -> list[Plan]:
    planner = Planner(app.tenant, app.indexes, most)
    return await planner.plans([app.kinds[each] for each in kinds or ("User",)], text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('userName eq "mira@contoso.example"', "mira"),
        ('userName eq "MIRA@contoso.example" and title pr', "mira"),
        ('title pr and userName eq "MIRA@contoso.example"', "mira"),
        ('userName eq "nobody"', ""),
        ('externalId eq "E"', "mira nils"),
        ('externalId eq "E" or userName eq "ida@contoso.example"', "mira nils ida"),
        ('emails eq "S@X"', "mira nils"),
        ('emails.value eq "s@x"', "mira nils"),
        ('emails[type eq "work" and value eq "s@x"]', "mira nils"),
        ('emails[type eq "work"].value eq "s@x"', "mira nils"),
        ("employeeNumber eq 7", "ida"),
        (f'{ENTERPRISE}:employeeNumber eq "7"', "ida"),
        ('active eq "False"', "ida"),
        ('id eq "x"', ""),
        ('(externalId eq "E" and active eq true) or id eq "x"', "mira nils"),
    ],
)
async def test_look_ups_leave_few_candidates(app: App, crew: dict[str, Any], text: str, expected: str) -> None:
    """Those of one term of an `and`, those of every term of an `or`; others are not even read."""
    [plan] = await planned(app, text)
    assert plan.ids == sorted(crew[each]["id"] for each in expected.split())
    assert plan.matches is not None


@pytest.mark.parametrize(
    "text",
    [
        "title pr",
        'title eq "x"',
        'userName ne "mira@contoso.example"',
        'userName sw "mira"',
        'userName eq "mira@contoso.example" or title pr',
        'not (userName eq "mira@contoso.example")',
        "externalId eq null",
        "active eq true",
        'active eq "True"',
        "externalId pr",
        'emails[type eq "work"]',
        'emails[not (value eq "s@x")]',
        'emails[value eq "s@x" or type eq "work"]',
    ],
)
@pytest.mark.usefixtures("crew")
async def test_what_no_look_up_narrows_is_asked_of_everybody(app: App, text: str) -> None:
    """Also where an `or` has one such term: whoever fulfils that one is in no look-up."""
    [plan] = await planned(app, text)
    assert plan.ids is None
    assert plan.matches is not None


async def test_without_a_filter_everybody_matches(app: App) -> None:
    """Nothing has to be decided then."""
    assert await planned(app, None, "User", "Group") == [Plan(app.kinds["User"]), Plan(app.kinds["Group"])]


async def test_a_look_up_that_finds_many_is_not_used(app: App, crew: dict[str, Any]) -> None:
    """It would narrow nothing, and its answer is bounded."""
    assert [plan.ids for plan in await planned(app, 'externalId eq "E"', most=1)] == [None]
    [plan] = await planned(app, 'externalId eq "E" and userName eq "nils@contoso.example"', most=1)
    assert plan.ids == [crew["nils"]["id"]]


async def test_memberships_are_answered_from_the_member_s_side(app: App, crew: dict[str, Any]) -> None:
    """So that the cost does not depend on the size of the group; no resource's memberships have to be read."""
    mira, group = crew["mira"]["id"], crew["Crew"]["id"]
    for text in (f'members eq "{mira}"', f'members.value eq "{mira}"', f'members[value eq "{mira}"]'):
        [plan] = await planned(app, text, "Group")
        assert (plan.ids, plan.needs_edges) == ([group], False)
    [plan] = await planned(app, f'groups.value eq "{group}"')
    assert (plan.ids, plan.needs_edges) == ([mira], False)
    [plan] = await planned(app, f'not (members.value eq "{mira}")', "Group")
    assert (plan.ids, plan.needs_edges) == (None, False)
    [plan] = await planned(app, 'members.value eq "nobody"', "Group")
    assert (plan.ids, plan.needs_edges) == ([], False)


@pytest.mark.parametrize("text", ["members pr", 'members[type eq "User"]', "members eq null", 'members.value sw "0"'])
async def test_other_filters_on_members_look_at_them(app: App, text: str) -> None:
    """Which the search has to read for them."""
    [plan] = await planned(app, text, "Group")
    assert (plan.ids, plan.needs_edges) == (None, True)


async def test_the_members_of_a_large_group_are_not_enumerated(app: App, http: Http, crew: dict[str, Any]) -> None:
    """400 tooMany that says where they are to be had."""
    group = await http.group("All", *(crew[each]["id"] for each in ("mira", "nils", "ida")))
    with pytest.raises(TooMany, match="read the group's members"):
        await planned(app, f'groups.value eq "{group["id"]}"', most=2)


async def test_a_kind_without_the_attribute_has_no_candidates(app: App, crew: dict[str, Any]) -> None:
    """Where several kinds are searched; nothing is read for it."""
    users, groups = await planned(app, 'userName eq "mira@contoso.example"', "User", "Group")
    assert (users.ids, groups.ids) == ([crew["mira"]["id"]], [])
    users, groups = await planned(app, 'displayName eq "crew" or userName eq "x"', "User", "Group")
    assert (users.ids, groups.ids) == (None, [crew["Crew"]["id"]])


@pytest.mark.parametrize("kinds", [("User",), ("Group",), ("User", "Group")])
async def test_an_attribute_that_nothing_has_is_told(app: App, kinds: tuple[str, ...]) -> None:
    """Since it is more likely a mistake than a question."""
    with pytest.raises(InvalidFilter, match="attribute 'nobody'"):
        await planned(app, 'displayName eq "x" or nobody pr', *kinds)


@pytest.mark.parametrize(
    ("text", "kinds", "instead"),
    [
        ('meta.location eq "https://scim.example/scim/v2/Users/1"', ("User",), "'id eq'"),
        ('META.Location ne "x"', ("Group",), "'id eq'"),
        ('meta[location ew "/1"]', ("User", "Group"), "'id eq'"),
        ('title pr or not (meta.location sw "https://")', ("User", "Group"), "'id eq'"),
        ('urn:ietf:params:scim:schemas:core:2.0:User:groups.$ref eq "x"', ("User",), "'groups.value eq'"),
        ('groups[type eq "direct" and $ref co "x"]', ("User",), "'groups.value eq'"),
        ('members[$ref eq "x"]', ("User", "Group"), "'members.value eq'"),
        ('members[type eq "User"].$ref eq "x"', ("Group",), "'members.value eq'"),
        ('displayName eq "x" and members.$REF lt "x"', ("Group",), "'members.value eq'"),
    ],
)
async def test_an_address_that_only_answers_have_is_not_searched_for(
    app: App, text: str, kinds: tuple[str, ...], instead: str
) -> None:
    """400 that says what to search for: to find nobody would read as if nobody had it."""
    with pytest.raises(InvalidFilter, match=instead):
        await planned(app, text, *kinds)


async def test_whether_there_is_an_address_may_be_asked(http: Http, crew: dict[str, Any]) -> None:
    """That needs none; nor does an address that clients write themselves, which a search compares."""
    mira, group = crew["mira"], crew["Crew"]
    for text, path, found in (
        ("meta.location pr and title eq null", "/Users", 3),
        ("meta.location eq null", "/Users", 0),
        ("members.$ref pr", "/Groups", 1),
        ("groups.$ref eq null", "/Users", 2),
        (f'meta.location pr and id eq "{mira["id"]}"', "", 1),
        (f'groups.value eq "{group["id"]}" and groups.$ref pr', "/Users", 1),
        ('manager.$ref eq "../Users/1"', "/Users", 0),
    ):
        answer = await http.request("POST", f"{path}/.search", {"filter": text})
        assert (answer.status, answer.body.get("totalResults")) == (200, found), text


async def test_a_look_up_that_is_not_complete_is_not_relied_on(rows: Rows, clock: Clock) -> None:
    """An attribute that became filterable on a tenant with resources is answered by looking at everybody."""
    await Http(make_app(rows, clock)).user("mira", title="Pilot")
    app = make_app(rows, clock, filterable=("title", "externalId"))
    [by_title] = await planned(app, 'title eq "pilot"')
    [by_external_id] = await planned(app, 'externalId eq "x"')
    assert (by_title.ids, by_external_id.ids) == (None, [])
