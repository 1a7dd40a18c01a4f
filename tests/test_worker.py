"""The function app under the real language worker of Azure Functions."""

import json
import os
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scim.access.auth import FixedTokens
from scim.azure.hints import QUEUE
from scim.management.administration import Wanted
from tests.webhooks.receiver import receiving

if TYPE_CHECKING:
    from tests.functions_host import FunctionsHost
    from tests.worker import Worker

ROOT = Path(__file__).parent.parent

STUB = textwrap.dedent(
    """
    import json
    import azure.functions as func

    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    ticks = []

    @app.route(route="echo/{id}", methods=["POST"])
    async def echo(req: func.HttpRequest) -> func.HttpResponse:
        seen = {
            "method": req.method, "url": req.url, "headers": dict(req.headers), "params": dict(req.params),
            "id": req.route_params["id"], "body": req.get_body().decode(),
        }
        return func.HttpResponse(json.dumps(seen), status_code=201, mimetype="application/json", headers={"X-A": "b"})

    @app.route(route="broken", methods=["GET"])
    def broken(req: func.HttpRequest) -> func.HttpResponse:
        raise LookupError("it broke")

    @app.timer_trigger(schedule="0 0 3 * * *", arg_name="timer")
    async def nightly(timer: func.TimerRequest) -> None:
        ticks.append(timer.past_due)
    """
)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator["Worker"]:
    """The worker; what it does to this process is undone."""
    reason = "the language worker of Azure Functions is published for Python 3.13 and later only"
    pytest.importorskip("azure_functions_runtime", reason=reason)
    from tests.worker import Worker

    monkeypatch.setattr(sys, "path", list(sys.path))
    before = sys.modules.pop("function_app", None)
    yield Worker()
    sys.modules.pop("function_app", None)
    if before is not None:
        sys.modules["function_app"] = before


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """A small function app of its own."""
    (tmp_path / "function_app.py").write_text(STUB)
    return tmp_path


async def test_the_functions_of_an_app_are_found(worker: "Worker", stub: Path) -> None:
    """Names and triggers are those of the decorators."""
    names = await worker.index(stub)

    assert {name: worker.trigger(name)["type"] for name in names} == {
        "echo": "httpTrigger",
        "broken": "httpTrigger",
        "nightly": "timerTrigger",
    }


async def test_another_app_can_follow_in_the_same_process(worker: "Worker", stub: Path) -> None:
    """The module of the app before is forgotten, whatever its folder was."""
    await worker.index(stub)
    other = stub / "other"
    other.mkdir()
    (other / "function_app.py").write_text(STUB.replace("def echo", "def other"))

    assert "other" in await worker.index(other)


async def test_a_call_carries_request_and_response(worker: "Worker", stub: Path) -> None:
    """As from the host: lower-case headers, equal parameters joined, empty ones lost; the URL tells them apart."""
    from tests.worker import HttpRequest

    await worker.index(stub)
    await worker.load("echo")
    url = "https://made.up/echo/7?a=1&a=2&cursor="
    request = HttpRequest("POST", url, {"If-Match": 'W/"1"'}, b'{"x": 1}', {"id": "7"})
    response = await worker.invoke("echo", request)

    assert (response.status, response.headers["x-a"]) == (201, "b")
    assert response.headers["content-type"] == "application/json"
    assert response.body.decode() == (
        f'{{"method": "POST", "url": "{url}", "headers": {{"if-match": "W/\\"1\\""}}, "params": {{"a": "1,2"}}, '
        '"id": "7", "body": "{\\"x\\": 1}"}'
    )


async def test_a_timer_can_be_called(worker: "Worker", stub: Path) -> None:
    """Maintenance is called without waiting for the night."""
    await worker.index(stub)
    await worker.tick("nightly")

    assert sys.modules["function_app"].ticks == [False]


async def test_an_exception_in_a_function_is_raised_with_its_stack(worker: "Worker", stub: Path) -> None:
    """The host would answer an empty 500; a test wants to know why."""
    from tests.worker import HttpRequest, WorkerError

    await worker.index(stub)
    with pytest.raises(WorkerError, match=r"LookupError: it broke[\s\S]*function_app.py"):
        await worker.invoke("broken", HttpRequest("GET", "https://made.up/broken"))


async def test_an_app_that_cannot_be_imported_is_an_error(worker: "Worker", tmp_path: Path) -> None:
    """In Azure the same shows as "0 functions found" without a trace."""
    from tests.worker import WorkerError

    (tmp_path / "function_app.py").write_text("import a_module_that_is_missing")
    with pytest.raises(WorkerError, match="a_module_that_is_missing"):
        await worker.index(tmp_path)


TOKEN = "a-token-made-up-for-tests"


@pytest.fixture
async def service(worker: "Worker", monkeypatch: pytest.MonkeyPatch) -> AsyncIterator["FunctionsHost"]:
    """The function app of this checkout, with rows in memory, behind its routes."""
    from tests.functions_host import FunctionsHost

    for name in [name for name in os.environ if name.startswith("SCIM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SCIM_STORAGE", "sqlite::memory:")
    monkeypatch.setenv("SCIM_TOKEN", TOKEN)
    monkeypatch.setenv("SCIM_WEBHOOK_KEY", "a-webhook-key-of-32-characters-and-more")
    monkeypatch.setenv("SCIM_HINTS__queueServiceUri", "https://made-up.queue.core.windows.net")
    async with FunctionsHost.running(ROOT) as host:
        yield host
        await sys.modules["function_app"].service.close()


async def call(
    host: "FunctionsHost", method: str, path: str, body: object = None, token: str = TOKEN
) -> tuple[int, Any]:
    """Send a request with a token; return status and JSON."""
    from tests.worker import HttpRequest

    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
    content = json.dumps(body).encode() if body is not None else b""
    response = await host.send(HttpRequest(method, f"https://made.up{path}", headers, content))
    assert response.headers["content-type"].startswith(("application/scim+json", "application/json"))
    return response.status, json.loads(response.body) if response.body else None


async def test_the_worker_finds_each_route_as_a_function(service: "FunctionsHost") -> None:
    """The portal shows one function for each route, the health check and the timer; each was loaded."""
    from scim.service.routes import ROUTES

    assert {*service.worker.names} >= {each.name for each in ROUTES} | {"Health", "Maintenance"}


async def test_a_user_lives_through_the_worker(service: "FunctionsHost") -> None:
    """Create, get, patch, search and delete, each by its own function."""
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada@made.up", "externalId": "a"}
    patch = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "Replace", "path": "active", "value": "False"}],
    }
    status, created = await call(service, "POST", "/scim/v2/Users", user)
    assert status == 201
    path = f"/scim/v2/Users/{created['id']}"

    assert (await call(service, "PATCH", path, patch))[0] in (200, 204)
    status, read = await call(service, "GET", path)
    assert (status, read["active"]) == (200, False)
    status, found = await call(service, "GET", '/scim/v2/Users?filter=externalId+eq+"a"')
    assert (status, found["totalResults"]) == (200, 1)
    assert (await call(service, "DELETE", path))[0] == 204
    assert (await call(service, "GET", path))[0] == 404


async def test_a_success_costs_no_log_item_but_its_request_and_a_failure_one_more(service: "FunctionsHost") -> None:
    """Each item is paid for; the host writes the request's own, and of the app's records those from WARNING on."""
    paid = {"WARNING", "ERROR", "CRITICAL"}

    async def items(method: str, path: str, body: object = None) -> tuple[int, int]:
        before = len(service.logged)
        status, _ = await call(service, method, path, body)
        return status, sum(each.level in paid for each in list(service.logged)[before:])

    assert await items("POST", "/scim/v2/Users", {"userName": "ada@made.up"}) == (201, 0)
    assert await items("GET", '/scim/v2/Users?filter=userName+eq+"ada@made.up"') == (200, 0)
    assert await items("GET", "/scim/v2/Users/nobody") == (404, 1)
    assert await items("POST", "/scim/v2/Users", {"userName": "ada@made.up"}) == (409, 1)


async def test_tenants_are_apart_under_the_worker_too(service: "FunctionsHost") -> None:
    """An operator makes two over HTTP; each has its own users at its own address, by token and by OAuth."""
    from tests.worker import HttpRequest

    app = sys.modules["function_app"].service
    app.admission._operators = FixedTokens(["the-operator-s-own-token"])
    made = [
        (await call(service, "POST", "/manage/v1/tenants", {"name": name}, "the-operator-s-own-token"))[1]
        for name in ("One", "Other")
    ]
    one, other = made
    body = {"userName": "mira", "title": "of One"}
    status, user = await call(service, "POST", f"/{one['key']}/v2/Users", body, one["secretToken"])
    assert (status, user["meta"]["location"]) == (201, f"https://made.up/{one['key']}/v2/Users/{user['id']}")
    assert (await call(service, "GET", f"/{other['key']}/v2/Users/{user['id']}", None, other["secretToken"]))[0] == 404
    assert (await call(service, "GET", f"/{one['key']}/v2/Users", None, other["secretToken"]))[0] == 401
    assert (await call(service, "GET", "/scim/v2/Users"))[1]["totalResults"] == 0
    client = await app.administration.issue(other["key"], Wanted("n", "provision", oauth=True))
    form = f"grant_type=client_credentials&client_id={client.credential.id}&client_secret={client.secret}".encode()
    asked = HttpRequest("POST", f"https://made.up/{other['key']}/v2/oauth/token", {}, form)
    token = json.loads((await service.send(asked)).body)["access_token"]
    assert (await call(service, "GET", f"/{other['key']}/v2/Users", None, token))[1]["totalResults"] == 0
    metadata = HttpRequest("GET", f"https://made.up/.well-known/oauth-authorization-server/{other['key']}/v2")
    assert json.loads((await service.send(metadata)).body)["issuer"] == f"https://made.up/{other['key']}/v2"


async def test_a_request_without_token_is_refused_in_scim(service: "FunctionsHost") -> None:
    """401 with the header that RFC 6750 asks for, through the worker's own response message."""
    from tests.worker import HttpRequest

    response = await service.send(HttpRequest("GET", "https://made.up/scim/v2/Users"))

    metadata = "https://made.up/.well-known/oauth-protected-resource/scim/v2"
    assert (response.status, response.headers["www-authenticate"]) == (401, f'Bearer resource_metadata="{metadata}"')
    assert json.loads(response.body)["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]


async def test_maintenance_and_health_run(service: "FunctionsHost") -> None:
    """The timer ends without an error; health says to anybody that storage and tokens answer."""
    await service.tick("Maintenance")

    assert (await call(service, "GET", "/health", token=""))[0] == 200


async def test_a_message_of_the_queue_delivers(service: "FunctionsHost") -> None:
    """The trigger names queue and connection as the template does; a message that says nothing is no error."""
    app = sys.modules["function_app"].service
    trigger = service.worker.trigger("Deliver")
    assert (trigger["type"], trigger["queueName"], trigger["connection"]) == ("queueTrigger", QUEUE, "SCIM_HINTS")
    async with receiving() as receiver:
        await (await app.webhooks()).create(receiver.url)
        app.deliveries.after_answers = False
        assert (await call(service, "POST", "/scim/v2/Users", {"userName": "ada@made.up"}))[0] == 201
        await service.read("Deliver", "c2NpbQ== \N{SNOWMAN}")
        assert receiver.types == []
        await service.read("Deliver", "scim")
        assert receiver.types == ["user.created"]


async def test_a_body_that_is_chunked_or_empty_is_told_of(service: "FunctionsHost") -> None:
    """The host hands on neither; what needs none is done all the same."""
    from tests.functions_host import Sent

    async def answer(method: str, path: str, *headers: tuple[str, str], body: bytes = b"") -> tuple[int, str]:
        usual = (("Host", "made.up"), ("Authorization", f"Bearer {TOKEN}"))
        response = await service.answer(Sent(method, f"/scim/v2{path}", (*usual, *headers), body))
        return response.status, json.loads(response.body)["detail"] if response.status >= 400 else ""

    _, user = await call(service, "POST", "/scim/v2/Users", {"userName": "ada@made.up"})
    path, chunked = f"/Users/{user['id']}", ("Transfer-Encoding", "chunked")
    for method, where in (("POST", "/Users"), ("PUT", path), ("PATCH", path), ("POST", "/Bulk"), ("POST", "/.search")):
        status, detail = await answer(method, where, chunked, body=b'{"userName": "mira"}')
        assert (status, "Content-Length" in detail) == (400, True)
        status, detail = await answer(method, where, ("Content-Length", "0"))
        assert (status, "JSON" in detail) == (400, True)
    assert await answer("GET", path, chunked, body=b"{}") == (200, "")
    assert await answer("DELETE", path, chunked, body=b"{}") == (204, "")


async def test_head_is_answered_as_get_without_what_get_shows(service: "FunctionsHost") -> None:
    """By the same functions; the host leaves the body away, the headers are those of GET."""
    from tests.worker import HttpRequest

    _, user = await call(service, "POST", "/scim/v2/Users", {"userName": "ada@made.up"})
    for path in (f"/Users/{user['id']}", "/Users", "/Users/nobody", "/Schemas", ""):
        head, get = [
            await service.send(
                HttpRequest(method, f"https://made.up/scim/v2{path}", {"Authorization": f"Bearer {TOKEN}"}, b"")
            )
            for method in ("HEAD", "GET")
        ]
        assert (head.status, head.headers) == (get.status, get.headers)


async def test_a_body_of_100_mb_is_refused_before_anything_is_built_of_it(service: "FunctionsHost") -> None:
    """The host stops what is beyond its limit; one with a larger limit would hand it on: 413, or 401 without token."""
    from scim.host import BODY_LIMIT
    from tests.worker import HttpRequest

    url, headers = "https://made.up/scim/v2/Users", {"authorization": f"Bearer {TOKEN}"}
    large = b'{"userName": "' + b"a" * 100_000_000 + b'"}'
    stopped = await service.send(HttpRequest("POST", url, headers, large))
    assert (stopped.status, stopped.body) == (500, b"")
    assert (await service.send(HttpRequest("POST", url, headers, large[:BODY_LIMIT]))).status == 413
    for token, status in ((TOKEN, 413), ("another", 401)):
        sent = HttpRequest("POST", url, {"authorization": f"Bearer {token}"}, large)
        answered = await service.worker.invoke("CreateUser", sent)
        assert (answered.status, len(answered.body) < 1_000) == (status, True)
    assert (await call(service, "GET", "/scim/v2/Users"))[1]["totalResults"] == 0
