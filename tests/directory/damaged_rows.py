"""A damaged row spoils nothing but itself: every kind of row, every damage, every operation, on any store."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from scim.app import App
from scim.commands.verify import verify
from scim.directory import keys
from scim.storage import damage
from scim.storage.rows import Replace, Rows
from tests.conftest import Clock, Http, make_app

BODIES = {
    "empty": "",
    "no JSON": "{",
    "a list": "[]",
    "null": "null",
    "meta null": '{"userName":"sick@contoso.example","displayName":"sick","meta":null}',
    "another type": '{"userName":"sick@contoso.example","externalId":{},"meta":{"created":"x"}}',
    "another type within": '{"userName":["a"],"displayName":["a"],"meta":{"created":"x"}}',
}
NEWER = '{"userName":"sick@contoso.example","displayName":"sick","meta":{"created":"x","form":2}}'
PLAIN = {"empty": "", "JSON": "{}", "a word": "many", "newer": "2:5"}


class DamagedRows:
    """Damage and what must go on; a class that inherits this gives `rows`."""

    @pytest.fixture
    async def app(self, rows: Rows, clock: Clock) -> App:
        return make_app(rows, clock)

    @pytest.fixture
    async def ids(self, http: Http) -> dict[str, str]:
        sick = await http.user("sick", title="Pilot", emails=[{"value": "sick@contoso.example"}])
        well = await http.user("well", title="Pilot")
        team = await http.group("team", sick["id"], well["id"])
        ward = await http.group("ward", sick["id"])
        return {"sick": sick["id"], "well": well["id"], "team": team["id"], "ward": ward["id"]}

    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
    @pytest.mark.parametrize("kind", ["u", "g"])
    async def test_a_damaged_resource_is_left_out(
        self, http: Http, app: App, rows: Rows, ids: dict[str, str], kind: str, body: str
    ) -> None:
        """Lists, searches and walks go on without it; by its id it is 500 with what to do; it can be deleted."""
        ill, path = (ids["sick"], "/Users") if kind == "u" else (ids["ward"], "/Groups")
        await spoil(rows, keys.resource(kind, ill), body)
        await others_are_served(http, ids, path)
        for method, sent in (("GET", None), ("PUT", {"userName": "x", "displayName": "x"}), ("PATCH", a_patch())):
            answer = await http.request(method, f"{path}/{ill}", sent)
            assert answer.status == 500
            assert "damaged" in answer.body["detail"]
            assert "verify" in answer.body["detail"]
        assert any(ill in line for line in await findings(app))
        assert (await http.request("DELETE", f"{path}/{ill}")).status == 204
        assert (await http.request("GET", f"{path}/{ill}")).status == 404
        await findings(app, repair=True)
        assert await findings(app) == []

    @pytest.mark.parametrize("kind", ["u", "g"])
    async def test_a_newer_resource_is_refused_and_kept(
        self, http: Http, app: App, rows: Rows, ids: dict[str, str], kind: str
    ) -> None:
        """Nobody who does not know its form changes it, deletes it or repairs it."""
        ill, path = (ids["sick"], "/Users") if kind == "u" else (ids["ward"], "/Groups")
        await spoil(rows, keys.resource(kind, ill), NEWER)
        await others_are_served(http, ids, path)
        for method, body in (("GET", None), ("PATCH", a_patch()), ("DELETE", None)):
            answer = await http.request(method, f"{path}/{ill}", body)
            assert (answer.status, "newer release" in answer.body["detail"]) == (500, True)
        assert any("newer release" in line for line in await findings(app, repair=True))
        row = await rows.read("scim", keys.resource(kind, ill))
        assert row is not None
        assert row.body == NEWER

    @pytest.mark.parametrize("body", PLAIN.values(), ids=PLAIN.keys())
    async def test_a_count_that_cannot_be_read_is_unknown(
        self, http: Http, app: App, rows: Rows, ids: dict[str, str], body: str
    ) -> None:
        """Totals are counted then; creating and deleting go on; `verify --repair` mends it, but no newer one."""
        key = keys.count("u", ids["well"])
        await spoil(rows, key, body)
        assert (await http.request("GET", "/Users?count=1")).body["totalResults"] == 2
        new = await http.user("new")
        assert (await http.request("GET", "/Users?startIndex=3")).body["totalResults"] == 3
        assert (await http.request("DELETE", f"/Users/{new['id']}")).status == 204
        assert any(key in line for line in await findings(app, repair=True))
        assert (await findings(app) == []) == (not body.startswith("2:"))

    @pytest.mark.parametrize("body", [*PLAIN.values(), "[]", '{"form":2,"complete":[]}', '{"form":1}'])
    async def test_an_unreadable_list_of_look_ups_means_none_is_complete(
        self, http: Http, app: App, rows: Rows, ids: dict[str, str], clock: Clock, body: str
    ) -> None:
        """Filters are answered by reading everybody; creating goes on."""
        await spoil(rows, keys.INDEXES, body)
        clock.forward(minutes=2)  # it is read once a minute
        found = await http.request("GET", '/Users?filter=emails.value+eq+"sick@contoso.example"')
        assert [each["id"] for each in found.body["Resources"]] == [ids["sick"]]
        await http.user("new", emails=[{"value": "new@contoso.example"}])
        assert any(keys.INDEXES in line for line in await findings(app, repair=True))
        assert (await findings(app) == []) == ("2" not in body)

    @pytest.mark.parametrize("body", PLAIN.values(), ids=PLAIN.keys())
    async def test_a_damaged_name_is_found_all_the_same(
        self, http: Http, app: App, rows: Rows, ids: dict[str, str], body: str
    ) -> None:
        """Who has it is found by reading; nobody else gets it; others are created and found as before."""
        [key] = app.tenants.default.kinds["User"].names({"userName": "sick@contoso.example"})
        await spoil(rows, key, body)
        found = await http.request("GET", '/Users?filter=userName+eq+"sick@contoso.example"')
        assert [each["id"] for each in found.body["Resources"]] == [ids["sick"]]
        assert (await http.request("POST", "/Users", {"userName": "sick@contoso.example"})).status == 500
        await http.user("new")
        assert any(key in line for line in await findings(app, repair=True))
        assert (await findings(app) == []) == (not body.startswith("2:"))

    @pytest.mark.parametrize("body", PLAIN.values(), ids=PLAIN.keys())
    async def test_a_damaged_membership_hides_itself_only(
        self, http: Http, app: App, rows: Rows, ids: dict[str, str], body: str
    ) -> None:
        """The group shows its other members, and can be changed and deleted."""
        key = keys.member(ids["team"], ids["sick"])
        await spoil(rows, key, body)
        team = (await http.request("GET", f"/Groups/{ids['team']}")).body
        assert [each["value"] for each in team["members"]] == [ids["well"]]
        assert (await http.request("GET", "/Groups")).status == 200
        assert any(ids["sick"] in line for line in await findings(app))
        removal = {"Operations": [{"op": "remove", "path": f'members[value eq "{ids["sick"]}"]'}]}
        assert (await http.request("PATCH", f"/Groups/{ids['team']}", removal)).status == 204
        assert await findings(app) == []

    async def test_each_damaged_row_is_logged_once(
        self,
        http: Http,
        rows: Rows,
        ids: dict[str, str],
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """At ERROR, with its key: an alert reads it, and a list asked for every minute does not repeat it."""
        monkeypatch.setattr(damage, "_told", set())
        key = keys.resource("u", ids["sick"])
        await spoil(rows, key, "{")
        for _ in range(3):
            await http.request("GET", "/Users")
        lines = [each for each in caplog.records if each.levelname == "ERROR" and key in each.getMessage()]
        assert len(lines) == 1


def a_patch() -> dict[str, Any]:
    return {"Operations": [{"op": "replace", "path": "externalId", "value": "x"}]}


async def others_are_served(http: Http, ids: Mapping[str, str], path: str) -> None:
    """Check that whoever is well is listed, found, put in order, walked to and created."""
    well = ids["well"] if path == "/Users" else ids["team"]
    listed = await http.request("GET", path)
    assert [each["id"] for each in listed.body["Resources"]] == [well]
    for query in (
        "sortBy=externalId",
        "filter=externalId+ne+%22x%22",
        "cursor=",
        "cursor=&filter=externalId+ne+%22x%22",
    ):
        answer = await http.request("GET", f"{path}?{query}")
        assert [each["id"] for each in answer.body["Resources"]] == [well], query
    new = await http.created(path, userName="new@contoso.example", displayName="new")
    assert (await http.request("DELETE", f"{path}/{new['id']}")).status == 204


async def spoil(rows: Rows, key: str, body: str) -> None:
    """Put another body into a row."""
    row = await rows.read("scim", key)
    assert row is not None
    await rows.commit("scim", [Replace(key, body, row.version, row.modified)])


async def findings(app: App, repair: bool = False) -> list[str]:
    """Return what a verification says."""
    lines: list[str] = []
    await verify(app.tenants.default, repair, lines.append)
    return lines


def version_of(body: str) -> int:
    """Return the form of a document."""
    form: int = json.loads(body)["meta"]["form"]
    return form
