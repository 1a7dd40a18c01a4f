"""The function app as Azure runs it: what it registers, and what its functions answer to func.HttpRequest."""

import importlib
import json
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import azure.functions as func
import pytest

from scim.azure.hints import QUEUE
from scim.host import HttpTrigger, in_order
from scim.local import HttpFunction, functions
from scim.protocol.errors import ERROR_SCHEMA
from scim.protocol.query import LIST_RESPONSE
from scim.service.messages import Response
from scim.service.routes import ANYWHERE, ROUTES, TEMPLATE
from scim.settings import SettingsError
from scim.storage.rows import Insert

ROOT = Path(__file__).parent.parent
TOKEN = "a-token-that-only-tests-know"
CONTEXT = SimpleNamespace(invocation_id="invocation-1")


class Loaded(NamedTuple):
    """The imported function app: its HTTP functions by name, and what its timers call."""

    module: ModuleType
    http: dict[str, HttpFunction]
    timers: list[Any]


def imported(environ: dict[str, str]) -> ModuleType:
    """Import the function app anew, under an environment of its own, and leave no trace of it among the modules."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("SCIM_STORAGE", "SCIM_TOKEN", "SCIM_KEY_VAULT", "SCIM_SCHEMAS", "SCIM_FILTERABLE"):
            patched.delenv(name, raising=False)
        for name, value in environ.items():
            patched.setenv(name, value)
        patched.syspath_prepend(ROOT)
        before = sys.modules.pop("function_app", None)
        try:
            return importlib.import_module("function_app")
        finally:
            sys.modules.pop("function_app", None)
            if before is not None:
                sys.modules["function_app"] = before


@pytest.fixture
async def loaded() -> Any:
    """The function app over an empty store."""
    module = imported({"SCIM_STORAGE": "sqlite::memory:", "SCIM_TOKEN": TOKEN})
    http, timers = functions(module.app)
    yield Loaded(module, {each.name: each for each in http}, timers)
    await module.service.close()


class Answer(NamedTuple):
    """What a function answered: status, headers with content type, and the JSON of the body (None without one)."""

    status: int
    headers: dict[str, str]
    media_type: str
    body: Any


async def call(loaded: Loaded, name: str, path: str, method: str = "", body: Any = None, **parameters: str) -> Answer:
    """Call a function as the worker does: with the absolute URL and the parameters that the host has found."""
    function = loaded.http[name]
    request = func.HttpRequest(
        method=method or min(function.methods),
        url=f"https://scim.example/{path}",
        headers={"Authorization": f"Bearer {TOKEN}", "User-Agent": "tests"},
        route_params=parameters,
        body=b"" if body is None else json.dumps(body).encode(),
    )
    response = await function.call(request, CONTEXT)
    content = response.get_body()
    return Answer(
        response.status_code, dict(response.headers), response.mimetype, json.loads(content) if content else None
    )


def test_each_route_is_a_function_of_its_name(loaded: Loaded) -> None:
    """With the methods and the path of the table below the prefix, so that each shows in the portal."""
    registered = {name: (each.route, set(each.methods)) for name, each in loaded.http.items()}
    expected = {each.name: (f"{TEMPLATE}/{each.path}".rstrip("/"), set(each.methods)) for each in ROUTES}
    expected["Health"] = ("health", {"GET", "HEAD"})
    expected["IssueToken"] = ("{tenant}/v2/oauth/token", {"POST"})
    expected["DescribeOAuth"] = (".well-known/{document}/{tenant}/v2", {"GET", "HEAD"})
    expected["Manage"] = ("manage/v1/{*path}", {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
    expected["Console"] = ("console", {"GET", "HEAD"})
    expected["ConsoleFiles"] = ("console/{*path}", {"GET", "HEAD"})
    expected[ANYWHERE] = ("{*path}", {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
    assert registered == expected


@pytest.mark.parametrize(("one", "many"), [("User", "Users"), ("Group", "Groups")])
def test_users_and_groups_have_seven_functions_each(loaded: Loaded, one: str, many: str) -> None:
    """One for each operation, by a name that says which."""
    names = {name for name, each in loaded.http.items() if each.route.startswith(f"{TEMPLATE}/{many}")}
    assert names == {f"{verb}{one}" for verb in ("Create", "Get", "Replace", "Patch", "Delete")} | {
        f"List{many}",
        f"Search{many}",
    }


def test_no_two_functions_answer_the_same_request(loaded: Loaded) -> None:
    """Of two functions with one template and method the host leaves one out, as in error."""
    pairs = [(each.route.lower(), method) for each in loaded.http.values() for method in each.methods]
    assert len(set(pairs)) == len(pairs)


def test_the_more_specific_function_comes_first(loaded: Loaded) -> None:
    """The host asks functions by their names, so the order of names has to be that of what they match."""
    functions = in_order(loaded.http.values())
    for first, second in combinations(functions, 2):
        if first.methods & second.methods and overlap(segments(first), segments(second)):
            assert rank(first) < rank(second), f"{first.name} answers what is meant for {second.name}"


def test_no_template_begins_with_what_is_the_host_s_own(loaded: Loaded) -> None:
    """It refuses such a function, `administrator` as well; the others run on, so nothing else tells."""
    reserved = ("admin", "runtime")
    assert [name for name, each in loaded.http.items() if each.route.strip("/").lower().startswith(reserved)] == []


def segments(function: HttpTrigger) -> list[str]:
    return function.route.lower().split("/")


def overlap(one: list[str], other: list[str]) -> bool:
    """Return whether one path can match both templates."""
    for mine, theirs in zip(one, other, strict=False):
        if mine.startswith("{*") or theirs.startswith("{*"):
            return True
        if mine != theirs and not mine.startswith("{") and not theirs.startswith("{"):
            return False
    longer = max(one, other, key=len)[min(len(one), len(other)) :]
    return longer in ([], ["{*path}"])


def rank(function: HttpTrigger) -> list[int]:
    """Segment by segment, a literal is more specific than a parameter, and that than a catch-all."""
    return [2 if each.startswith("{*") else 1 if each.startswith("{") else 0 for each in segments(function)]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("health", "{*path}", True),
        ("{tenant}/v2/users", "console/{*path}", True),
        ("console", "console/{*path}", True),
        ("{a}/v2", "b/{c}", True),
        ("{tenant}/v2/users", "manage/v1/{key}", False),
        ("users/{id}", "users", False),
        ("users", "groups", False),
    ],
)
def test_it_is_known_which_templates_can_match_one_path(one: str, other: str, expected: bool) -> None:
    """Else the order of their names would not be looked at."""
    for first, second in ((one, other), (other, one)):
        assert overlap(first.split("/"), second.split("/")) is expected


@pytest.mark.parametrize("name", ["GetUser", "ReplaceUser", "PatchUser", "DeleteGroup"])
async def test_a_search_that_the_host_takes_for_an_id_is_405(loaded: Loaded, name: str) -> None:
    """Only POST has a route of its own for it; what else is asked reaches the function for a single resource."""
    path = f"scim/v2/{'Groups' if name.endswith('Group') else 'Users'}/.Search"
    answer = await call(loaded, name, path, id=".Search")
    assert (answer.status, answer.headers["Allow"]) == (405, "OPTIONS, POST")


def test_nobody_needs_a_key_of_the_host(loaded: Loaded) -> None:
    """The secret token is what is asked for; Entra cannot send a function key."""
    assert loaded.module.app.auth_level == func.AuthLevel.ANONYMOUS


def test_a_failed_start_leaves_its_reason_in_the_log() -> None:
    """An app that does not start answers 404 or 503 to everything; only the host can say why."""
    levels = json.loads((ROOT / "host.json").read_text())["logging"]["logLevel"]
    assert levels["Host.Startup"] == "Information"


def test_host_json_leaves_routes_as_they_are() -> None:
    """Without the prefix that the host adds by default, and with the bundle that the timer needs."""
    host = json.loads((ROOT / "host.json").read_text())
    assert host["version"] == "2.0"
    assert host["extensions"]["http"]["routePrefix"] == ""
    assert host["extensionBundle"]["id"] == "Microsoft.Azure.Functions.ExtensionBundle"


@pytest.mark.parametrize("address", ["", "https://contoso.queue.core.windows.net"])
async def test_a_queue_is_read_only_where_there_is_one(address: str) -> None:
    """Without the setting the host would call the function in error, on every start."""
    module = imported({"SCIM_STORAGE": "sqlite::memory:", "SCIM_TOKEN": TOKEN, "SCIM_HINTS__queueServiceUri": address})
    bindings = [json.loads(each.get_function_json())["bindings"][0] for each in module.app.get_functions()]
    queues = [each for each in bindings if each["type"] == "queueTrigger"]
    assert [(each["queueName"], each["connection"]) for each in queues] == ([(QUEUE, "SCIM_HINTS")] if address else [])
    await module.service.close()


async def test_a_user_lives_through_the_functions(loaded: Loaded) -> None:
    """Each with the status, headers and body that a client gets."""
    created = await call(loaded, "CreateUser", "scim/v2/Users", body={"userName": "mira@contoso.example"})
    user = created.body
    assert (created.status, created.media_type) == (201, "application/scim+json")
    named = {"ETag": user["meta"]["version"], "Location": user["meta"]["location"]}
    protection = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    assert created.headers == named | protection
    assert user["meta"]["location"] == f"https://scim.example/scim/v2/Users/{user['id']}"
    path = f"scim/v2/Users/{user['id']}"
    assert (await call(loaded, "GetUser", path, id=user["id"])).body == user
    assert (await call(loaded, "GetUser", f"{path}?attributes=userName", "GET", id=user["id"])).body.keys() == {
        "schemas",
        "id",
        "userName",
    }
    put = await call(
        loaded, "ReplaceUser", path, body={"userName": "mira@contoso.example", "title": "x"}, id=user["id"]
    )
    assert (put.status, put.body["title"]) == (200, "x")
    operations = [{"op": "Replace", "path": "active", "value": "False"}]
    patched = await call(loaded, "PatchUser", path, body={"Operations": operations}, id=user["id"])
    assert (patched.status, patched.body["active"]) == (200, False)
    listed = await call(loaded, "ListUsers", "scim/v2/Users?filter=active+eq+false&count=1", "GET")
    assert (listed.body["schemas"], listed.body["totalResults"]) == ([LIST_RESPONSE], 1)
    searched = await call(loaded, "SearchUsers", "scim/v2/Users/.search", body={"filter": "active eq false"})
    assert searched.body["Resources"] == listed.body["Resources"]
    deleted = await call(loaded, "DeleteUser", path, id=user["id"])
    assert (deleted.status, deleted.headers, deleted.body) == (204, protection, None)
    assert (await call(loaded, "GetUser", path, id=user["id"])).status == 404


async def test_a_group_lives_through_the_functions(loaded: Loaded) -> None:
    """A PATCH of it has no body."""
    group = (await call(loaded, "CreateGroup", "scim/v2/Groups", body={"displayName": "Crew"})).body
    path = f"scim/v2/Groups/{group['id']}"
    rename = {"Operations": [{"op": "Replace", "path": "displayName", "value": "Gang"}]}
    patched = await call(loaded, "PatchGroup", path, body=rename, id=group["id"])
    assert (patched.status, patched.body) == (204, None)
    assert (await call(loaded, "GetGroup", path, "GET", id=group["id"])).body["displayName"] == "Gang"
    assert (await call(loaded, "ListGroups", "scim/v2/Groups", "GET")).body["totalResults"] == 1
    replaced = await call(loaded, "ReplaceGroup", path, body={"displayName": "Crew"}, id=group["id"])
    assert replaced.body["displayName"] == "Crew"
    assert (await call(loaded, "DeleteGroup", path, id=group["id"])).status == 204


@pytest.mark.parametrize(
    ("name", "path", "parameters"),
    [
        ("ListSchemas", "scim/v2/Schemas", {}),
        ("GetSchema", "scim/v2/Schemas/x", {"id": "urn:ietf:params:scim:schemas:core:2.0:User"}),
        ("ListResourceTypes", "scim/v2/ResourceTypes", {}),
        ("GetResourceType", "scim/v2/ResourceTypes/User", {"id": "User"}),
        ("GetServiceProviderConfig", "scim/v2/ServiceProviderConfig", {}),
        ("Root", "scim/v2", {}),
    ],
)
async def test_discovery_answers_get_and_head(loaded: Loaded, name: str, path: str, parameters: dict[str, str]) -> None:
    """With SCIM's media type, which the host sends with a charset."""
    for method in ("GET", "HEAD"):
        answer = await call(loaded, name, path, method, **parameters)
        assert (answer.status, answer.media_type) == (200, "application/scim+json")


async def test_search_bulk_and_me_are_functions_too(loaded: Loaded) -> None:
    """At the root, where one function each is enough."""
    operation = {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "mira"}}
    bulk = await call(loaded, "Bulk", "scim/v2/Bulk", body={"Operations": [operation]})
    assert [each["status"] for each in bulk.body["Operations"]] == ["201"]
    assert (await call(loaded, "Search", "scim/v2/.search", body={"filter": 'userName eq "mira"'})).body[
        "totalResults"
    ] == 1
    assert (await call(loaded, "Me", "scim/v2/Me", "PATCH")).status == 501


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "scim/v2/Persons", 404, None),
        ("GET", "favicon.ico", 404, None),
        ("POST", "health", 404, None),
        ("PATCH", "scim/v2/Users", 405, "GET, HEAD, OPTIONS, POST"),
        ("OPTIONS", "scim/v2/Users/1", 204, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("GET", "scim/v2//Users", 200, None),
    ],
)
async def test_the_catch_all_answers_the_rest(
    loaded: Loaded, method: str, path: str, status: int, allow: str | None
) -> None:
    """Unknown routes, wrong methods and doubled slashes, as SCIM errors with Allow."""
    answer = await call(loaded, ANYWHERE, path, method)
    assert answer.status == status, answer.body
    assert answer.headers.get("Allow") == allow
    if status >= 400:
        assert (answer.body["schemas"], answer.media_type) == ([ERROR_SCHEMA], "application/scim+json")


async def test_health_needs_no_token(loaded: Loaded) -> None:
    """And is plain JSON, for probes that know no SCIM."""
    request = func.HttpRequest(method="GET", url="https://scim.example/health", headers={}, body=b"")
    response = await loaded.http["Health"].call(request, CONTEXT)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert json.loads(response.get_body())["status"] == "ok"


async def test_a_request_without_a_token_is_refused_by_each_function(loaded: Loaded) -> None:
    """But for the health check, public keys, and what leads to a token, every one asks for it."""
    for name, function in loaded.http.items():
        for method in function.methods - {"OPTIONS"}:
            if name not in ("Health", "DescribeOAuth", "GetKeys", "IssueToken", "Console", "ConsoleFiles"):
                url = f"https://scim.example/{function.route.replace('{id}', '1').replace('{*path}', 'x')}"
                request = func.HttpRequest(method=method, url=url, route_params={"id": "1"}, body=b"{}")
                response = await function.call(request, CONTEXT)
                assert response.status_code == 401, (name, method)
                assert response.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_the_invocation_is_the_request_s_id(loaded: Loaded, caplog: pytest.LogCaptureFixture) -> None:
    """So that the log line and the telemetry of the host tell of the same request."""
    caplog.set_level("INFO")
    await call(loaded, "ListUsers", "scim/v2/Users", "GET")
    assert "request=invocation-1 address=- client=tests" in caplog.text


async def test_a_request_makes_up_for_a_timer_that_stays_away(loaded: Loaded, caplog: pytest.LogCaptureFixture) -> None:
    """A step after its own work, with a line that an alert reads; /health says it as well."""
    runs = {"since": "2020-01-01T00:00:00.000Z", "last_run": "", "last_success": "", "failures": 0}
    await loaded.module.service.tenant.commit([Insert("s.maintenance", json.dumps(runs))])
    assert (await call(loaded, "ListUsers", "scim/v2/Users", "GET")).status == 200
    assert "maintenance is late: last run never" in caplog.text
    assert "a request did a step of the maintenance" in caplog.text
    assert (await call(loaded, "Health", "health", "GET")).body["timer"] == "late"
    await loaded.timers[0](None)
    assert await loaded.module.service.timer.state() == "ok"


async def test_a_loop_that_stands_still_is_seen_while_a_request_is_under_way(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a thread; an idle process is left alone."""
    under_way = []

    async def respond(*_: object) -> Response:
        under_way.append(loaded.module.watchdog._under_way)
        return Response(204)

    monkeypatch.setattr(loaded.module.service.endpoints, "respond", respond)
    await call(loaded, "ListUsers", "scim/v2/Users", "GET")
    assert (under_way, loaded.module.watchdog._under_way) == ([1], 0)


async def test_the_timer_runs_maintenance(loaded: Loaded) -> None:
    """There is one timer, and it has nothing to do on an empty store."""
    [timer] = loaded.timers
    assert await timer(None) is None


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "SCIM_STORAGE"),
        ({"SCIM_STORAGE": "sqlite::memory:"}, "SCIM_KEY_VAULT"),
        ({"SCIM_STORAGE": "sqlite::memory:", "SCIM_TOKEN": " "}, "SCIM_TOKEN"),
        ({"SCIM_TOKEN": TOKEN}, "SCIM_STORAGE"),
        ({"SCIM_STORAGE": "nonsense", "SCIM_TOKEN": TOKEN}, "SCIM_STORAGE"),
        ({"SCIM_STORAGE": "sqlite::memory:", "SCIM_TOKEN": "short"}, "SCIM_TOKEN"),
        ({"SCIM_STORAGE": "sqlite::memory:", "SCIM_TOKEN": TOKEN, "SCIM_FILTERABLE": "nobody"}, "SCIM_FILTERABLE"),
    ],
)
def test_it_does_not_start_without_what_it_needs(environ: dict[str, str], named: str) -> None:
    """Importing it fails at once, naming the setting; a service that starts without a token source would be open."""
    with pytest.raises(SettingsError, match=named):
        imported(environ)


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    """Whatever is imported here must not be there for other tests."""
    before = sys.modules.get("function_app")
    yield
    assert sys.modules.get("function_app") is before
