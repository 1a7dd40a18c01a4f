"""What an administrator reads of a tenant: users, groups, members and their history, page by page, never changed."""

import csv
import json
from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory.matching import ScanLimit
from scim.management import roster
from scim.storage.rows import Insert
from tests.conftest import Clock, Http, make_app
from tests.management.managing import Manager, administrator, fits
from tests.recording import RecordingRows

BASE = "/tenants/scim"


@pytest.fixture
async def admin(app: App) -> Manager:
    """Who administers the default tenant."""
    return await administrator(app)


async def walked(admin: Manager, path: str, name: str) -> list[Any]:
    """Return all of something, a page after the other."""
    found: list[Any] = []
    sign, cursor = "&" if "?" in path else "?", ""
    while True:
        answer = await admin.ask("GET", f"{BASE}{path}{cursor}")
        assert answer.status == 200, answer
        found += answer.body[name]
        if answer.body["nextCursor"] is None:
            return found
        cursor = f"{sign}cursor={answer.body['nextCursor']}"


@pytest.mark.parametrize("text", ["mira@contoso.example", "E-1", "ID", "VANCE", "contoso.example", "nce"])
async def test_a_user_is_found_by(admin: Manager, http: Http, text: str) -> None:
    """The whole name, externalId or id at once, else by a part of a name, whatever its case."""
    mira = await http.user("mira", externalId="E-1", displayName="Mira Vance")
    await http.created("/Users", userName="omar@fabrikam.example")
    found = await walked(admin, f"/users?find={mira['id'].upper() if text == 'ID' else text}", "users")
    assert [each["id"] for each in found] == [mira["id"]]
    fits("UserSummary", found[0])
    assert (found[0]["active"], found[0]["externalId"]) == (True, "E-1")


async def test_a_group_is_found(admin: Manager, http: Http) -> None:
    """By the same means; nobody of that name is an empty page."""
    team = await http.group("Sales Team")
    await http.group("Crew")
    for text in ("sales team", "Team", team["id"]):
        (found,) = await walked(admin, f"/groups?find={text.replace(' ', '%20')}", "groups")
        assert found["id"] == team["id"]
        fits("GroupSummary", found)
    assert await walked(admin, "/groups?find=nobody", "groups") == []
    assert len(await walked(admin, "/groups?count=1", "groups")) == 2


async def test_what_is_looked_for_is_no_filter(admin: Manager, http: Http) -> None:
    """Whatever characters it has."""
    await http.user("mira", displayName='a "quote\\" or x')
    for text in ("%22quote%5C%22", "%22%20or%20id%20pr", "%5C"):
        found = await walked(admin, f"/users?find={text}", "users")
        assert len(found) == (0 if "pr" in text else 1)


async def test_a_search_reads_a_bounded_number_and_goes_on(
    admin: Manager, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that an administrator who looks for a part of a name holds up nobody, however many users there are."""
    monkeypatch.setattr(roster, "LIMIT", ScanLimit(5, 60.0))
    for number in range(20):
        await http.user(f"user{number:02}")
    first = await admin.ask("GET", f"{BASE}/users?find=user19")
    assert first.body["users"] == []
    assert first.body["nextCursor"]
    (found,) = await walked(admin, "/users?find=user19", "users")
    assert found["userName"] == "user19@contoso.example"


async def test_a_user_is_shown_with_its_groups_apart(admin: Manager, http: Http) -> None:
    """Attributes in one answer, groups in pages: somebody may be in thousands."""
    mira = await http.user("mira", title="Mate")
    teams = [await http.group(f"Team {number}", mira["id"]) for number in range(3)]
    shown = (await admin.ask("GET", f"{BASE}/users/{mira['id']}")).body
    assert (shown["title"], shown["userName"], "groups" in shown) == ("Mate", "mira@contoso.example", False)
    listed = await walked(admin, f"/users/{mira['id']}/groups?count=2", "groups")
    assert listed == [{"id": each["id"], "name": each["displayName"]} for each in teams]
    assert await walked(admin, f"/groups/{teams[0]['id']}/groups", "groups") == []


async def test_members_are_shown_page_by_page(admin: Manager, http: Http) -> None:
    """Users and groups, with the names that people know them by."""
    users = [await http.user(f"user{number}") for number in range(4)]
    inner = await http.group("Inner")
    team = await http.group("Team", inner["id"], *(each["id"] for each in users))
    listed = await walked(admin, f"/groups/{team['id']}/members?count=2", "members")
    expected = [{"id": each["id"], "type": "User", "name": each["userName"]} for each in users]
    expected.append({"id": inner["id"], "type": "Group", "name": "Inner"})
    assert listed == sorted(expected, key=lambda each: str(each["id"]))
    shown = (await admin.ask("GET", f"{BASE}/groups/{team['id']}")).body
    assert "members" not in shown


async def test_a_history_says_who_changed_what_when(admin: Manager, http: Http, clock: Clock) -> None:
    """The newest first, what came of memberships among it, and never a value."""
    mira = await http.user("mira", title="Mate")
    clock.forward(days=3)
    path = f"/Users/{mira['id']}"
    await http.request("PATCH", path, {"Operations": [{"op": "replace", "path": "title", "value": "Captain"}]})
    clock.forward(hours=1)
    team = await http.group("Team", mira["id"])
    clock.forward(hours=1)
    await http.request("DELETE", path)
    found = await walked(admin, f"/users/{mira['id']}/history", "changes")
    assert [(each["operation"], each.get("membership")) for each in found] == [
        ("delete", None),
        ("create", "added"),
        ("patch", None),
        ("create", None),
    ]
    assert found[2]["attributes"] == ["title"]
    assert (found[2]["credential"], found[2]["client"], found[2]["requestId"]) == ("key-vault", "tests", "request-1")
    assert (found[1]["id"], found[1]["resourceType"]) == (team["id"], "Group")
    assert "Captain" not in json.dumps(found)
    for each in found:
        fits("Change", each)
    (made,) = await walked(admin, f"/groups/{team['id']}/history", "changes")
    assert made["membersAdded"] == [mira["id"]]


@pytest.mark.parametrize("apart", [0.001, 3_600])
async def test_a_history_is_found_among_many_changes(app: App, clock: Clock, apart: float) -> None:
    """However close together they are: a page reads a bounded number of rows, and the next one goes on there."""
    admin, wanted = await administrator(app), "f" * 32
    start = int(clock().timestamp() * 1000)
    made = []
    for number in range(9_000 if apart < 1 else 1_500):
        body = json.dumps({"form": 1, "id": wanted if number % 700 == 0 else "0" * 32, "operation": f"n{number}"})
        key = keys.change(start - int(number * apart * 1000), f"{number:032x}")
        made.append(Insert(key, body))
    for first in range(0, len(made), 100):
        await app.tenant.commit(made[first : first + 100])
    found = await walked(admin, f"/users/{wanted}/history?count=2", "changes")
    assert [each["operation"] for each in found] == [f"n{number}" for number in range(0, len(made), 700)]


async def test_a_damaged_change_spoils_nothing_but_itself(admin: Manager, app: App, http: Http, clock: Clock) -> None:
    """It is left out."""
    mira = await http.user("mira")
    time = int(clock().timestamp() * 1000)
    for number, body in enumerate((f"{mira['id']}", f'["{mira["id"]}"]', f'{{"id":"{mira["id"]}","attributes":7}}')):
        await app.tenant.commit([Insert(keys.change(time, f"{number + 99:032x}"), body)])
    found = await walked(admin, f"/users/{mira['id']}/history", "changes")
    assert sorted(each.get("operation", "") for each in found) == ["", "create"]


async def test_the_history_of_somebody_new_reads_no_older_changes(
    admin: Manager, app: App, http: Http, clock: Clock, rows: RecordingRows
) -> None:
    """It begins when the user was made."""
    for number in range(300):
        await app.tenant.commit([Insert(keys.change(number, f"{number:032x}"), "{}")])
    mira = await http.user("mira")
    rows.forget()
    assert len(await walked(admin, f"/users/{mira['id']}/history", "changes")) == 1
    assert len(rows.calls) < 12


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/users?find=" + "a" * 201, 400),
        ("/users?count=0", 400),
        ("/users?count=201", 400),
        ("/users?cursor=x", 400),
        ("/users?filter=x", 400),
        ("/users/nobody", 404),
        ("/users/" + "0" * 32, 404),
        ("/users/nobody/groups", 404),
        ("/users/nobody/history", 404),
        (f"/users/{'a' * 32}/history?cursor=x", 400),
        ("/groups/" + "0" * 32 + "/members", 404),
        ("/requests/download?format=xml", 400),
        ("/requests/download?count=10001", 400),
    ],
)
async def test_what_makes_no_sense_is_told(admin: Manager, path: str, status: int) -> None:
    """With what to change."""
    answer = await admin.ask("GET", BASE + path)
    assert (answer.status, bool(answer.body["detail"])) == (status, True)


async def test_a_cursor_of_members_is_an_id(admin: Manager, http: Http) -> None:
    """Whatever else it is would read other rows."""
    team = await http.group("Team")
    answer = await admin.ask("GET", f"{BASE}/groups/{team['id']}/members?cursor=~")
    assert answer.status == 400


async def test_the_log_is_saved_as_a_file(rows: RecordingRows, clock: Clock) -> None:
    """As CSV that no spreadsheet takes for formulas, and as JSON; where there is more, Link says where."""
    app = make_app(rows, clock, journal=True)
    http, admin = Http(app), await administrator(app)
    for number in range(3):
        await http.created("/Users", userName=f'=HYPERLINK("{number}"),é')
        clock.forward(seconds=1)  # requests of one millisecond have no order
    await app.journals.flush()
    saved = await admin.ask("GET", f"{BASE}/requests/download")
    assert saved.headers["Content-Disposition"] == 'attachment; filename="requests-scim.csv"'
    lines = list(csv.DictReader(saved.body.splitlines()))
    assert [each["name"] for each in lines] == [f'\'=HYPERLINK("{number}"),é' for number in (2, 1, 0)]
    assert lines[0]["status"] == "201"
    part = await admin.ask("GET", f"{BASE}/requests/download?format=json&count=2")
    assert len(part.body["requests"]) == 2
    link = part.headers["Link"]
    assert link.endswith('>; rel="next"')
    rest = await admin.ask("GET", link.partition("/manage/v1")[2].partition(">")[0])
    assert len(rest.body["requests"]) == 1
    assert "Link" not in rest.headers
    await app.close()
