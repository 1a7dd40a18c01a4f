"""The local host: `python -m scim serve` in a process of its own, by the rules of the Functions host."""

import http.client
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from scim.host import BODY_LIMIT
from scim.local import prepare_environment
from tests.children import ROOT
from tests.server import Server, serving

TOKEN = "a-token-that-only-tests-know"


class Answer(NamedTuple):
    """Status, headers by lower-case name, and the bytes of the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def request(
    server: Server,
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    chunks: list[bytes] | None = None,
) -> Answer:
    """Send a request with the server's token and no header that is not given, the path as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        usual = {"Host": f"127.0.0.1:{server.port}", "Authorization": f"Bearer {server.token}"}
        for name, value in (usual | (headers or {})).items():
            connection.putheader(name, value)
        content = b"" if body is None else json.dumps(body).encode()
        if content:
            connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(chunks or content, encode_chunked=chunks is not None)
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): item for name, item in response.getheaders()}, response.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One host for the tests that do not change how it starts."""
    with serving(tmp_path_factory.mktemp("local"), SCIM_STORAGE="sqlite::memory:", SCIM_TOKEN=TOKEN) as running:
        yield running


def test_a_user_is_created_read_and_deleted_over_http(server: Server) -> None:
    """With the headers that SCIM asks for, on the wire."""
    created = request(server, "POST", "/scim/v2/Users", {"userName": "m\u00fcller@contoso.example"})
    user = created.json()
    assert (created.status, user["userName"]) == (201, "m\u00fcller@contoso.example")
    assert created.headers["content-type"] == "application/scim+json; charset=utf-8"
    assert created.headers["location"] == f"{server.tenant_url}/Users/{user['id']}"
    assert created.headers["etag"] == user["meta"]["version"]
    path = f"/scim/v2/Users/{user['id']}"
    assert request(server, "GET", path).json() == user
    unchanged = request(server, "GET", path, headers={"If-None-Match": user["meta"]["version"]})
    assert (unchanged.status, unchanged.body) == (304, b"")
    deleted = request(server, "DELETE", path)
    assert (deleted.status, deleted.body) == (204, b"")
    # The Functions host would say text/plain where no type is given.
    assert (
        deleted.headers["content-type"] == unchanged.headers["content-type"] == "application/scim+json; charset=utf-8"
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/SCIM/V2/USERS", 200),
        ("GET", "/scim/v2/users/", 200),
        ("GET", "/scim/v2//Users", 200),
        ("GET", "/scim/v2/Users?cursor", 200),
        ("GET", "/scim/v2", 200),
        ("GET", "/scim/v2/", 200),
        ("POST", "/scim/v2/Users/.search", 400),
        ("GET", "/scim/v2/Users/.search", 405),
        ("GET", "/scim/v2/Users/a%2Fb", 404),
        ("GET", "/scim/v2/Users/%ff", 404),
        ("GET", "/scim/v2/Users/a%0d%0ab", 404),
        ("GET", "/scim/v2/x/../Users/%2e", 200),
        ("GET", "http://scim.example/scim/v2/Users", 200),
        ("GET", "/scim/v2/Persons", 404),
        ("GET", "/", 404),
        ("GET", "/favicon.ico", 404),
        ("PATCH", "/scim/v2/Users", 405),
        ("DELETE", "/scim/v2/Schemas", 405),
        ("GET", "/scim/v2/Me", 501),
        ("GET", "/health", 200),
        ("GET", "/HEALTH/", 200),
        ("GET", "/health//", 404),
    ],
)
def test_routes_are_matched_as_the_functions_host_does(server: Server, method: str, path: str, status: int) -> None:
    """Whatever the case; what no other function answers reaches the catch-all, and `/health` does not."""
    answer = request(server, method, path)
    assert answer.status == status, answer.body
    if status >= 400:
        assert answer.json()["status"] == str(status)
        assert answer.headers["content-type"] == "application/scim+json; charset=utf-8"


@pytest.mark.parametrize(("path", "status"), [("//scim/v2/Users", 404), ("/scim/v2/Users/%00", 400)])
def test_what_the_functions_host_refuses_itself_is_refused(server: Server, path: str, status: int) -> None:
    """With nothing but the status: no function sees it."""
    answer = request(server, "GET", path)
    assert (answer.status, answer.body) == (status, b"")


def test_a_chunked_body_does_not_arrive(server: Server) -> None:
    """As on Azure, so that it is noticed here."""
    answer = request(server, "POST", "/scim/v2/Users", headers={"Transfer-Encoding": "chunked"}, chunks=[b"{}"])
    assert (answer.status, "Content-Length" in answer.json()["detail"]) == (400, True)


def test_head_has_no_body_and_options_tells_the_methods(server: Server) -> None:
    """As HTTP asks for; OPTIONS needs no token."""
    head, get = request(server, "HEAD", "/scim/v2/Schemas"), request(server, "GET", "/scim/v2/Schemas")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))
    options = request(server, "OPTIONS", "/scim/v2/Users", headers={"Authorization": ""})
    assert (options.status, options.headers["allow"], options.body) == (204, "GET, HEAD, OPTIONS, POST", b"")


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Bearer \u00ff\u00fe", "Basic x"])
def test_a_wrong_token_is_refused(server: Server, authorization: str) -> None:
    """401 also for bytes that are no text."""
    answer = request(server, "GET", "/scim/v2/Users", headers={"Authorization": authorization})
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    "headers", [{"User-Agent": "\u00ff"}, {"Host": "[bad"}, {"Accept": "text/html"}, {"Host": "x"}]
)
def test_odd_headers_are_served(server: Server, headers: dict[str, str]) -> None:
    """A request whose token is right is answered in SCIM's terms, whatever else it brings."""
    answer = request(server, "POST", "/scim/v2/Users", {"userName": f"odd{headers}"}, headers)
    assert (answer.status, answer.json()["id"] in answer.headers["location"]) == (201, True)


def test_a_body_over_the_limit_is_refused_in_scim_s_form(server: Server) -> None:
    """The host lets it through to the service, which knows the limit; beyond its own it answers an empty 500."""
    answer = request(server, "POST", "/scim/v2/Users", {"userName": "x" * 5_000_000})
    assert (answer.status, answer.json()["status"]) == (413, "413")
    beyond = request(server, "POST", "/scim/v2/Users", {"userName": "x" * BODY_LIMIT})
    assert (beyond.status, beyond.body) == (500, b"")


def test_the_token_is_made_on_first_use_and_kept(tmp_path: Path) -> None:
    """In a file that only its owner can read, beside the store; both serve the next start."""
    with serving(tmp_path) as first:
        assert request(first, "POST", "/scim/v2/Users", {"userName": "mira"}).status == 201
        assert first.stop() == 0
    file = tmp_path / ".local" / "token"
    assert file.read_text() == first.token
    assert len(first.token) == 64
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    with serving(tmp_path) as second:
        assert second.token == first.token
        assert request(second, "GET", "/scim/v2/Users").json()["totalResults"] == 1
        assert second.stop(signal.SIGINT) == 0
    assert "Traceback" not in (tmp_path / "stderr").read_text()


def test_a_setting_goes_before_the_file(tmp_path: Path) -> None:
    """SCIM_TOKEN is what is valid and printed, several of them by the first; no file is made."""
    with serving(tmp_path, SCIM_TOKEN=f"{TOKEN},{TOKEN}-next") as server:
        assert server.token == TOKEN
        for token, status in ((TOKEN, 200), (f"{TOKEN}-next", 200), ("x" * 64, 401)):
            headers = {"Authorization": f"Bearer {token}"}
            assert request(server, "GET", "/scim/v2/Users", headers=headers).status == status
    assert not (tmp_path / ".local" / "token").exists()


def test_the_port_may_come_from_the_environment(tmp_path: Path) -> None:
    """As `make run` passes it on; an argument goes before it."""
    with serving(tmp_path, "0", SCIM_TOKEN=TOKEN, PORT="1") as server:
        assert server.port > 1


def test_a_developer_s_settings_are_kept(tmp_path: Path) -> None:
    """Only what is not set, or empty, is filled in."""
    environ = {"SCIM_STORAGE": "sqlite:x", "SCIM_KEY_VAULT": "https://v"}
    prepare_environment(environ, tmp_path / "a")
    assert environ == {"SCIM_STORAGE": "sqlite:x", "SCIM_KEY_VAULT": "https://v"}
    assert not (tmp_path / "a").exists()
    empty = {"SCIM_STORAGE": "", "SCIM_TOKEN": ""}
    prepare_environment(empty, tmp_path / "a")
    assert empty == {
        "SCIM_STORAGE": f"sqlite:{tmp_path}/a/scim.db",
        "SCIM_TOKEN": (tmp_path / "a" / "token").read_text(),
        "SCIM_ADMIN_TOKEN": (tmp_path / "a" / "admin-token").read_text(),
    }
    assert (ROOT / "function_app.py").exists()


def test_the_address_of_the_caller_is_seen(tmp_path: Path) -> None:
    """As behind Azure's front end: a setting that lists addresses works on a developer's machine too."""
    for listed, status in (("127.0.0.1", 401), ("203.0.113.7", 403)):
        with serving(tmp_path, SCIM_MANAGE_ADDRESSES=listed) as server:
            answer = request(server, "GET", "/manage/v1/tenants", headers={"X-Forwarded-For": "203.0.113.7"})
            assert answer.status == status, answer.body
            assert status == 401 or "127.0.0.1" in answer.json()["detail"]
