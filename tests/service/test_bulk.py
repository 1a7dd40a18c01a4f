"""Bulk requests: results, versions, errors and limits."""

from typing import Any

import pytest

from scim.protocol.errors import Unavailable
from scim.protocol.sizes import MANY
from scim.service.bulk import MAX_NAMES
from scim.service.discovery import MAX_OPERATIONS
from scim.storage.rows import Row
from tests.conftest import BASE_URL, Clock, Http, make_app
from tests.recording import RecordingRows
from tests.samples import ENTERPRISE
from tests.service.bulk_requests import MISSING, bulk, patch, post, read, reporting_to, statuses


async def test_each_operation_is_answered_with_its_result(http: Http) -> None:
    """Method, status as a string, location and version, in the order of the request; the body only of failures."""
    user = await http.user("mira")
    group = await http.group("Crew")
    doomed = await http.user("doomed")
    rename = {"Operations": [{"op": "replace", "path": "displayName", "value": "Gang"}]}
    title = {"Operations": [{"op": "replace", "path": "title", "value": "Pilot"}]}
    results = await bulk(
        http,
        post("new"),
        {"method": "PUT", "path": f"/Users/{user['id']}", "data": {"userName": "m@contoso.example"}},
        {"method": "patch", "path": f"/Users/{user['id']}", "data": title},
        {"method": "PATCH", "path": f"/Groups/{group['id']}", "data": rename},
        {"method": "DELETE", "path": f"/Users/{doomed['id']}"},
    )
    assert statuses(results) == ["201", "200", "200", "204", "204"]
    assert [each["method"] for each in results] == ["POST", "PUT", "PATCH", "PATCH", "DELETE"]
    created = await read(http, results[0])
    assert results[0] == {
        "method": "POST",
        "bulkId": "new",
        "version": created["meta"]["version"],
        "location": created["meta"]["location"],
        "status": "201",
    }
    read_user = await read(http, results[2])
    assert (read_user["userName"], read_user["title"]) == ("m@contoso.example", "Pilot")
    assert results[2]["version"] == read_user["meta"]["version"] != user["meta"]["version"]
    assert results[1]["version"] == results[2]["version"]
    assert [each["location"] for each in results[1:]] == [
        user["meta"]["location"],
        user["meta"]["location"],
        group["meta"]["location"],
        doomed["meta"]["location"],
    ]
    assert (await read(http, results[3]))["displayName"] == "Gang"
    assert (await http.request("GET", f"/Users/{doomed['id']}")).status == 404


async def test_a_version_is_the_one_that_the_resource_has_in_the_end(http: Http) -> None:
    """A later operation gives members and groups a new one; the old one would make the next If-Match fail."""
    old, gone = await http.user("old"), await http.user("gone")
    club = await http.group("Club", old["id"], gone["id"])
    rename = {"op": "replace", "path": "displayName", "value": "Gang"}
    results = await bulk(
        http,
        post("a"),
        post("b"),
        patch(f"/Users/{old['id']}", {"op": "add", "path": "title", "value": "Pilot"}),
        patch(f"/Groups/{club['id']}", rename),
        post("crew", "/Groups", displayName="Crew", members=[{"value": "bulkId:a"}]),
        {"method": "PUT", "path": f"/Groups/{club['id']}", "data": {"displayName": "Club", "members": []}},
        post("outer", "/Groups", displayName="Outer", members=[{"value": "bulkId:crew"}, {"value": gone["id"]}]),
        {"method": "DELETE", "path": f"/Users/{gone['id']}"},
        post("c"),
    )
    assert statuses(results) == ["201", "201", "200", "204", "201", "200", "201", "204", "201"]
    for result in [each for each in results if each["method"] != "DELETE"]:
        assert result["version"] == (await read(http, result))["meta"]["version"]


async def test_versions_of_groups_in_a_circle_are_those_in_the_end(http: Http) -> None:
    """The references that are added last change both sides."""
    one = post("one", "/Groups", displayName="One", members=[{"value": "bulkId:two"}, {"value": "bulkId:mira"}])
    two = post("two", "/Groups", displayName="Two", members=[{"value": "bulkId:one"}])
    results = await bulk(http, post("mira"), one, two)
    assert [each["version"] for each in results] == [(await read(http, each))["meta"]["version"] for each in results]


async def test_versions_of_a_user_who_is_changed_twice_are_both_the_last_one(http: Http) -> None:
    """RFC 7644 §3.7.3 calls it the current version of the resource, not that of the operation."""
    mira = await http.user("mira")
    put = {"method": "PUT", "path": f"/Users/{mira['id']}", "data": {"userName": "mira"}}
    results = await bulk(http, put, patch(f"/Users/{mira['id']}", {"op": "add", "path": "title", "value": "Pilot"}))
    current = (await read(http, results[0]))["meta"]["version"]
    assert [each["version"] for each in results] == [current, current]


async def test_what_is_deleted_in_the_same_request_has_no_version(http: Http) -> None:
    """There is nothing left that could be changed under it."""
    results = await bulk(http, post("a"), {"method": "DELETE", "path": "/Users/bulkId:a"})
    assert statuses(results) == ["201", "204"]
    assert "version" not in results[0]


class RowsThatTire(RecordingRows):
    """A store that is not read from any more once a group was made."""

    async def read(self, partition: str, key: str) -> Row | None:
        if any(change.key.startswith("g.") for changes in self.commits for change in changes):
            raise Unavailable("The storage does not answer.")
        return await super().read(partition, key)


async def test_versions_that_cannot_be_read_are_left_out(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """What was done is told all the same, since it is done; the log says why the versions lack."""
    app = make_app(RowsThatTire(), clock)
    crew = post("crew", "/Groups", displayName="Crew", members=[{"value": "bulkId:a"}])
    results = await bulk(Http(app), post("a"), crew)
    await app.close()
    assert statuses(results) == ["201", "201"]
    assert [("version" in each, "location" in each) for each in results] == [(False, True), (True, True)]
    assert "storage does not answer" in caplog.text


async def test_nothing_is_read_again_where_no_version_can_be_old(clock: Clock) -> None:
    """A user who is created changes nobody else: a large import is not made slower."""
    rows = RecordingRows()
    app = make_app(rows, clock)
    assert statuses(await bulk(Http(app), post("a"), post("b"))) == ["201", "201"]
    await app.close()
    assert rows.calls[-1] == "commit"


async def test_errors_up_to_the_limit_end_the_request(http: Http) -> None:
    """What was performed is answered, the rest is left out. RFC 7644 §3.7.3."""
    await http.user("taken")
    operations = [post("a"), post("taken"), post("b"), {"method": "DELETE", "path": f"/Users/{MISSING}"}, post("c")]
    assert statuses(await bulk(http, *operations, failOnErrors=2)) == ["201", "409", "201", "404"]
    names = [each["userName"] for each in (await http.request("GET", "/Users")).body["Resources"]]
    assert sorted(names) == ["a@contoso.example", "b@contoso.example", "taken@contoso.example"]


async def test_without_a_limit_every_operation_is_tried(http: Http) -> None:
    """One failure does not keep others from being performed, nor undo them."""
    wrong = [{"method": "DELETE", "path": f"/Users/{MISSING}"}] * 3
    assert statuses(await bulk(http, *wrong, post("a"))) == ["404", "404", "404", "201"]


async def test_what_was_begun_is_finished_although_the_limit_is_reached(http: Http) -> None:
    """A resource that was created without a reference gets it, or is said to lack it; it is never just left so."""
    operations = [
        reporting_to("mira", "nils"),
        reporting_to("nils", "mira"),
        {"method": "DELETE", "path": f"/Users/{MISSING}"},
        post("late"),
    ]
    results = await bulk(http, *operations, failOnErrors=1)
    assert statuses(results) == ["201", "201", "404"]
    mira, nils = [await read(http, each) for each in results[:2]]
    assert mira[ENTERPRISE]["manager"]["value"] == nils["id"]
    assert nils[ENTERPRISE]["manager"]["value"] == mira["id"]


async def test_a_failed_operation_names_its_resource_and_its_error(http: Http) -> None:
    """With the body that the operation alone would have got."""
    [result] = await bulk(http, {"method": "DELETE", "path": f"/Users/{MISSING}"})
    alone = await http.request("DELETE", f"/Users/{MISSING}")
    assert result == {
        "method": "DELETE",
        "location": f"{BASE_URL}/Users/{MISSING}",
        "status": "404",
        "response": alone.body,
    }


async def test_a_version_is_what_if_match_is_elsewhere(http: Http) -> None:
    """412 for another one."""
    user = await http.user("mira")
    title = {"Operations": [{"op": "replace", "path": "title", "value": "Pilot"}]}
    patch = {"method": "PATCH", "path": f"/Users/{user['id']}", "data": title}
    results = await bulk(http, patch | {"version": 'W/"x"'}, patch | {"version": user["meta"]["version"]})
    assert statuses(results) == ["412", "200"]


@pytest.mark.parametrize(
    ("operation", "status", "reason"),
    [
        (post(None), "400", "bulkId"),
        (post(""), "400", "bulkId"),
        ({"method": "GET", "path": f"/Users/{MISSING}"}, "400", "POST, PUT, PATCH or DELETE"),
        (post("a", "/Persons"), "404", "/Users and /Groups"),
        (post("a", "/Users/.search", filter="id pr"), "404", "/Users and /Groups"),
        (post("a", "/Bulk", Operations=[]), "404", "/Users and /Groups"),
        (post("a", "/Me"), "404", "/Users and /Groups"),
        ({"method": "DELETE", "path": "/Users"}, "404", "/Users and /Groups"),
        ({"method": "DELETE", "path": "https://x.example/Users/1"}, "404", "/Users and /Groups"),
        ({"method": "PUT", "path": f"/Users/{MISSING}"}, "400", "JSON object"),
        (post("a", userName="a", active="perhaps"), "400", "active"),
        (patch("/Users/bulkId:before", {"op": "add", "path": "title[", "value": "bulkId:before"}), "400", "ends too"),
        (patch("/Users/bulkId:before", {"op": "add", "path": 5, "value": "bulkId:before"}), "400", "path"),
        (patch("/Users/bulkId:before", "bulkId:before"), "400", "Operations"),  # type: ignore[arg-type]
    ],
)
async def test_an_operation_that_cannot_be_performed_fails_alone(
    http: Http, operation: dict[str, Any], status: str, reason: str
) -> None:
    """Its result says why, and those around it are performed."""
    results = await bulk(http, post("before"), operation, post("after"))
    assert statuses(results) == ["201", status, "201"]
    assert reason in results[1]["response"]["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"Operations": {}},
        {"Operations": ["POST"]},
        {"Operations": [{"method": "POST"}]},
        {"Operations": [{"path": "/Users"}]},
        {"Operations": [{"method": 1, "path": "/Users"}]},
        {"Operations": [post("same"), post("same")]},
        {"Operations": [post("a")], "failOnErrors": 0},
        {"Operations": [post("a")], "failOnErrors": "many"},
    ],
)
async def test_a_body_that_is_no_bulk_request_is_refused_as_a_whole(http: Http, body: Any) -> None:
    """400 invalidSyntax, and nothing is performed."""
    answer = await http.request("POST", "/Bulk", body)
    assert (answer.status, answer.body["scimType"]) == (400, "invalidSyntax")
    assert (await http.request("GET", "/Users")).body["totalResults"] == 0


async def test_no_operations_are_performed_as_well(http: Http) -> None:
    """An empty list is a request for nothing."""
    assert await bulk(http) == []


async def test_too_many_operations_are_refused_as_a_whole(http: Http) -> None:
    """413 above the number that is advertised; that number is taken."""
    operation = {"method": "DELETE", "path": f"/Users/{MISSING}"}
    answer = await http.request("POST", "/Bulk", {"Operations": [operation] * (MAX_OPERATIONS + 1)})
    assert answer.status == 413
    assert "1,000" in answer.body["detail"]
    assert len(await bulk(http, *[operation] * MAX_OPERATIONS, failOnErrors=MAX_OPERATIONS)) == MAX_OPERATIONS


async def test_a_payload_over_the_limit_is_refused(http: Http) -> None:
    """413 for the request, as for any body."""
    assert (await http.request("POST", "/Bulk", content=b" " * (MANY.length + 1))).status == 413


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_names_without_number_are_refused_where_they_may_be_references(http: Http, method: str) -> None:
    """413 for the operation: to look each up would keep all other requests waiting."""
    names = {f"name{number}": "bulkId:mira" for number in range(MAX_NAMES + 1)}
    data = names if method == "POST" else {"Operations": [{"op": "add", "value": names}]}
    operation = {"method": method, "path": "/Users" if method == "POST" else "/Users/bulkId:mira", "data": data}
    results = await bulk(http, post("mira"), operation | {"bulkId": "wide"}, reporting_to("ida", "wide"))
    assert statuses(results) == ["201", "413", "409"]
    assert "20,000" in results[1]["response"]["detail"]


async def test_an_operation_may_be_as_large_as_a_request_of_its_own(http: Http) -> None:
    """Text that is not ASCII does not grow on the way to its operation."""
    padding = "\u00fc" * 500_000
    content = (
        '{"Operations": [{"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "m", "x": "'
        + padding
        + '"}}]}'
    ).encode()
    answer = await http.request("POST", "/Bulk", content=content)
    assert statuses(answer.body["Operations"]) == ["201"]


async def test_each_operation_logs_its_line(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    """With the request's id, so that operations are found by it."""
    caplog.set_level("INFO")
    await bulk(http, post("a"), {"method": "DELETE", "path": f"/Users/{MISSING}"})
    lines = [each.getMessage().split() for each in caplog.records]
    assert [line[:2] for line in lines] == [["POST", "CreateUser"], ["DELETE", "DeleteUser"], ["POST", "Bulk"]]
    assert {line[5] for line in lines} == {"request=request-1"}
