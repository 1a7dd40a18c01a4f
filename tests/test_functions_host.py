"""The host that tests put in front of the real worker: it refuses, orders, drops and joins as the real one does."""

import json
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("azure_functions_runtime", reason="the worker is published for Python 3.13 and later only")

from scim.host import BODY_LIMIT
from tests.functions_host import FunctionsHost, Sent

if TYPE_CHECKING:
    from tests.worker import HttpResponse

STUB = textwrap.dedent(
    """
    import json
    import logging
    import azure.functions as func

    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    def seen(name, req):
        return func.HttpResponse(json.dumps({
            "function": name, "method": req.method, "url": req.url, "params": dict(req.params),
            "headers": dict(req.headers), "route": dict(req.route_params), "body": req.get_body().decode(),
        }), mimetype="application/json")

    @app.route(route="{*path}", methods=["GET", "POST", "DELETE"])
    async def ZAnywhere(req: func.HttpRequest) -> func.HttpResponse:
        return seen("ZAnywhere", req)

    @app.route(route="lit/x", methods=["get"])
    async def D_lit(req: func.HttpRequest) -> func.HttpResponse:
        return seen("D_lit", req)

    @app.route(route="{p}/x", methods=["GET"])
    async def C_Param(req: func.HttpRequest) -> func.HttpResponse:
        return seen("C_Param", req)

    @app.route(route="administrator/y", methods=["GET"])
    async def A_Reserved(req: func.HttpRequest) -> func.HttpResponse:
        return seen("A_Reserved", req)

    ANSWERS = {
        "none": lambda: None,
        "number": lambda: 7,
        "text": lambda: "a text",
        "non-ascii": lambda: func.HttpResponse("x", headers={"X": "m\\u00fcller"}),
        "line": lambda: func.HttpResponse("x", headers={"X": "a\\r\\nY: b"}),
        "204": lambda: func.HttpResponse("lost", status_code=204),
        "304": lambda: func.HttpResponse("lost", status_code=304, mimetype="application/scim+json"),
        "headers": lambda: func.HttpResponse("x", headers={"Retry-After": "1", "ETag": "W/1", "Cache-Control": "no"}),
    }

    @app.route(route="odd/{answer}", methods=["GET"])
    async def Odd(req: func.HttpRequest) -> func.HttpResponse:
        logging.getLogger("stub").info("odd")
        return ANSWERS[req.route_params["answer"]]()
    """
)


@pytest.fixture
async def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FunctionsHost]:
    """The host with a small function app."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "function_app.py").write_text(STUB)
    async with FunctionsHost.running(tmp_path) as running:
        yield running
    sys.modules.pop("function_app", None)


async def get(host: FunctionsHost, path: str, *headers: tuple[str, str], **further: Any) -> "HttpResponse":
    return await host.answer(Sent("GET", path, (("Host", "made.up"), *headers), **further))


async def seen(host: FunctionsHost, path: str, *headers: tuple[str, str], **further: Any) -> Any:
    """Return what the function saw that was called."""
    answer = await get(host, path, *headers, **further)
    assert answer.status == 200
    return json.loads(answer.body)


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("/lit/x", "C_Param"),
        ("/lit/y", "ZAnywhere"),
        ("/administrator/y", "ZAnywhere"),
        ("/admin/thing", "ZAnywhere"),
        ("/runtime/thing", "ZAnywhere"),
        ("/t//v2/Things", "ZAnywhere"),
        ("/a/../b/X/", "C_Param"),
    ],
)
async def test_the_function_is_found_by_the_order_of_names(host: FunctionsHost, path: str, function: str) -> None:
    """`C_Param {p}/x` before `D_lit lit/x`; a reserved route is in error, and its paths are another's."""
    assert (await seen(host, path))["function"] == function


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/lit/x", 404),
        ("HEAD", "/lit/x", 404),
        ("OPTIONS", "/lit/x", 404),
        ("PURGE", "/lit/x", 404),
        ("GET", "//lit/x", 404),
        ("GET", "/a%00b", 400),
        ("GET", "/admin/host/ping", 200),
        ("GET", "/admin/host/status", 401),
        ("GET", "/runtime/webhooks/x", 401),
        ("GET", "/" + "x" * 9_000, 414),
    ],
)
async def test_what_no_function_answers(host: FunctionsHost, method: str, path: str, status: int) -> None:
    """A bare status, without Allow: only a catch-all that takes the method could say more."""
    answer = await host.answer(Sent(method, path))
    assert (answer.status, answer.body, "allow" in answer.headers) == (status, b"", False)


async def test_a_request_that_kestrel_refuses(host: FunctionsHost) -> None:
    """A byte beyond ASCII in a header, two Hosts, none, and too many of them."""
    for headers, status in (
        ((("Host", "a"), ("X", "\u00fc")), 400),
        ((("Host", "a"), ("host", "b")), 400),
        ((), 400),
        ((("Host", "a"), ("X", "x" * 33_000)), 431),
    ):
        assert (await host.answer(Sent("GET", "/lit/x", headers))).status == status


async def test_parameters_come_decoded_and_the_url_encoded_anew(host: FunctionsHost) -> None:
    """So a line break reaches the function; the raw query is in the URL alone."""
    found = await seen(host, "/a%0d%0aB%2Fc/x?a=1&a=2&A=3&b=&c")
    assert found["route"] == {"p": "a\r\nB%2Fc"}
    assert found["url"] == "https://made.up/a%0D%0AB%2Fc/x?a=1&a=2&A=3&b=&c"
    assert found["params"] == {"a": "1,2,3"}


async def test_headers_come_joined(host: FunctionsHost) -> None:
    """Names in lower case, Authorization too, without a blank behind the comma."""
    found = await seen(host, "/lit/x", ("Authorization", "Bearer a"), ("X", ""), ("authorization", "Bearer b"))
    assert found["headers"] == {"host": "made.up", "authorization": "Bearer a,Bearer b", "x": ""}


async def test_bodies_come_whole_or_not_at_all(host: FunctionsHost) -> None:
    """Byte for byte up to the limit, also with GET; empty when they are chunked; beyond the limit an empty 500."""
    assert (await seen(host, "/lit/x", body=b"abc"))["body"] == "abc"
    assert (await seen(host, "/lit/x", ("Transfer-Encoding", "chunked"), body=b"abc"))["body"] == ""
    assert (await get(host, "/lit/x", body=b"x" * BODY_LIMIT)).status == 200
    beyond = await get(host, "/lit/x", body=b"x" * (BODY_LIMIT + 1))
    assert (beyond.status, beyond.body, beyond.headers) == (500, b"", {"connection": "close"})


@pytest.mark.parametrize(
    ("answer", "status", "body", "headers"),
    [
        ("none", 500, b"", {}),
        ("number", 500, b"", {}),
        ("text", 200, b"a text", {"content-type": "text/plain; charset=utf-8"}),
        ("non-ascii", 500, b"", {}),
        ("line", 500, b"", {}),
        ("missing", 500, b"", {}),
        ("204", 204, b"", {"content-type": "text/plain; charset=utf-8"}),
        ("304", 304, b"", {"content-type": "application/scim+json"}),
    ],
)
async def test_what_leaves_of_an_answer(
    host: FunctionsHost, answer: str, status: int, body: bytes, headers: dict[str, str]
) -> None:
    """An empty 500 for what it cannot send, or what is none; the media type of a text; no body where none may be."""
    sent = await get(host, f"/odd/{answer}")
    assert (sent.status, sent.body, sent.headers) == (status, body, headers)


async def test_headers_pass(host: FunctionsHost) -> None:
    """Those that a client of SCIM looks at."""
    sent = await get(host, "/odd/headers")
    assert sent.headers.items() >= {"retry-after": "1", "etag": "W/1", "cache-control": "no"}.items()


async def test_an_app_that_cannot_be_imported_has_no_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is 404, and the console is silent."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "function_app.py").write_text("import a_module_that_is_missing")
    async with FunctionsHost.running(tmp_path) as host:
        assert (await get(host, "/lit/x")).status == 404
        assert "a_module_that_is_missing" in host.errors[0]


async def test_a_record_of_the_invocation_arrives(host: FunctionsHost) -> None:
    """And belongs to it alone; tests/azure/vault/test_logs.py has those that are lost."""
    await get(host, "/odd/text")
    await get(host, "/odd/text")
    logged = [each for each in host.logged if each.name == "stub"]
    assert [each.arrived for each in logged] == [True, True]
    assert len({each.invocation_id for each in logged}) == 2
