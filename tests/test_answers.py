"""Every answer of the service leaves the Functions host as it was meant: nothing in it that the host would mangle."""

import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("azure_functions_runtime", reason="the worker is published for Python 3.13 and later only")

from scim.service.routes import METHODS, PREFIX, ROUTES
from tests.functions_host import FunctionsHost, Sent

if TYPE_CHECKING:
    from tests.worker import HttpResponse

ROOT = Path(__file__).parent.parent
TOKEN = "a-token-that-only-tests-know"
BEARER = ("Authorization", f"Bearer {TOKEN}")
SEGMENTS = ["a%0d%0ab", "%FF", "m%C3%BCller", "a%2Fb", "a%5Cb", "%252525", "x" * 2_000, ".search", "..%2f", "%22"]
BODIES = [b"", b"{", b"[]", b'{"userName": "m\xc3\xbc\\r\\n"}', b'{"schemas": [1]}', b"\xff", b'"\\ud800"']
HEADERS = [
    (BEARER,),
    (),
    (BEARER, BEARER),
    (("Authorization", "Bearer wrong"),),
    (BEARER, ("If-Match", 'W/"none"'), ("X-Forwarded-For", "20.1.2.3:99")),
    (BEARER, ("If-None-Match", "*"), ("Transfer-Encoding", "chunked")),
]


@pytest.fixture
async def host(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FunctionsHost]:
    """The function app of this checkout, with rows in memory, as on Azure: its host name is the platform's."""
    for name in [name for name in os.environ if name.startswith("SCIM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SCIM_STORAGE", "sqlite::memory:")
    monkeypatch.setenv("SCIM_TOKEN", TOKEN)
    monkeypatch.setenv("WEBSITE_HOSTNAME", "func-scim.azurewebsites.net")
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = sys.modules.get("function_app")
    async with FunctionsHost.running(ROOT) as running:
        yield running
        await sys.modules["function_app"].service.close()
    sys.modules.pop("function_app", None)
    if before is not None:
        sys.modules["function_app"] = before


async def ask(
    host: FunctionsHost, method: str, path: str, *headers: tuple[str, str], body: Any = b""
) -> "HttpResponse":
    """Send a request with a body of bytes, or JSON of anything else."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await host.answer(Sent(method, path, (("Host", "forged.example"), *headers), content))


def check(answer: "HttpResponse", asked: object) -> None:
    """Assert what is true of every answer."""
    assert answer.status != 500, asked
    assert answer.headers["content-type"].startswith(("application/scim+json", "application/json")), asked
    assert ("www-authenticate" in answer.headers) == (answer.status in (401, 403)), asked  # RFC 6750 section 3.1
    if answer.status >= 400:
        error = json.loads(answer.body)
        assert error["status"] == str(answer.status), asked
    if answer.status in (204, 304):
        assert answer.body == b"", asked


async def test_no_answer_is_one_that_the_host_mangles(host: FunctionsHost) -> None:
    """Each route, with each method, odd ids, odd bodies, and headers that are missing, wrong, twice or chunked.

    An empty 500 would be the host's: for a header that is not ASCII or has a line break, and for an exception.
    """
    paths = {f"/{PREFIX}/{each.path}" for each in ROUTES} | {"/health", "/", f"/{PREFIX}//Users", "/favicon.ico"}
    for path in sorted(paths):
        for segment in SEGMENTS if "{id}" in path else [""]:
            target = path.replace("{id}", segment)
            for number, method in enumerate(METHODS):
                headers = HEADERS[(number + len(target)) % len(HEADERS)]
                body = BODIES[(number * 3 + len(target)) % len(BODIES)]
                asked = (method, target, headers, body)
                check(await ask(host, method, target, *headers, body=body), asked)
    assert host.errors == []


async def test_what_succeeds_has_its_media_type_and_the_platform_s_address(host: FunctionsHost) -> None:
    """204 and 304 too; a Host header that somebody forged is in none of them."""
    created = await ask(host, "POST", f"/{PREFIX}/Users", BEARER, body={"userName": "m\u00fcller", "title": "\r\n"})
    user = json.loads(created.body)
    path = f"/{PREFIX}/Users/{user['id']}"
    assert created.headers["location"] == f"https://func-scim.azurewebsites.net{path}"
    answers = [
        created,
        await ask(host, "GET", path, BEARER),
        await ask(host, "GET", path, BEARER, ("If-None-Match", created.headers["etag"])),
        await ask(host, "OPTIONS", path),
        await ask(host, "GET", f"/{PREFIX}/Users?filter=title+pr", BEARER),
        await ask(host, "DELETE", path, BEARER),
    ]
    assert [each.status for each in answers] == [201, 200, 304, 204, 200, 204]
    for each in answers:
        check(each, each)
        assert b"forged" not in each.body


async def test_parameters_come_from_the_raw_query(host: FunctionsHost) -> None:
    """The host drops an empty `cursor`, with which a walk begins (RFC 9865), and joins what is given twice."""
    for name in ("ada", "mira"):
        await ask(host, "POST", f"/{PREFIX}/Users", BEARER, body={"userName": name})
    page = await ask(host, "GET", f"/{PREFIX}/Users?cursor=&count=1", BEARER)
    assert "nextCursor" in json.loads(page.body)


@pytest.mark.parametrize(
    ("headers", "detail"),
    [((BEARER, BEARER), "came twice"), ((BEARER, ("Transfer-Encoding", "chunked")), "Content-Length")],
)
async def test_what_the_host_joins_or_drops_is_told(
    host: FunctionsHost, headers: tuple[tuple[str, str], ...], detail: str
) -> None:
    """400 with the reason, instead of a wrong token or a body that is no JSON."""
    answer = await ask(host, "POST", f"/{PREFIX}/Users", *headers, body={"userName": "mira"})
    assert answer.status == 400
    assert detail in json.loads(answer.body)["detail"]


async def test_a_success_leaves_no_trace_and_a_failure_one_warning(host: FunctionsHost) -> None:
    """Of what Application Insights keeps, by host.json: WARNING and above."""
    await ask(host, "GET", f"/{PREFIX}/Users", BEARER)
    kept = [each for each in host.logged if each.level not in ("DEBUG", "INFO")]
    assert kept == []
    await ask(host, "GET", f"/{PREFIX}/Users/1", BEARER, ("X-Forwarded-For", "6.6.6.6, 20.1.2.3:99"))
    [line] = [each for each in host.logged if each.level not in ("DEBUG", "INFO")]
    assert line.arrived
    assert "GET GetUser id=1 status=404" in line.text
    assert "address=20.1.2.3" in line.text
    logging = json.loads((ROOT / "host.json").read_text())["logging"]
    assert logging["logLevel"]["Function"] == "Warning"
    assert logging["applicationInsights"]["samplingSettings"]["excludedTypes"] == "Exception;Trace"
