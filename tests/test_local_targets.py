"""Targets of requests that only a client of its own kind sends: the local host answers them in SCIM's form too."""

import json
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.children import ROOT
from tests.server import Server, serving

TOKEN = "a-token-that-only-tests-know"


class Answer(NamedTuple):
    """Status and JSON of the body, None where it is none."""

    status: int
    body: Any


def ask(server: Server, method: str, target: str) -> Answer:
    """Send a request whose target stands in the first line as it is given."""
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        received = b""
        while part := connection.recv(65536):
            received += part
    lines, _, content = received.partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: application/scim+json; charset=utf-8" in lines or not content, received
    return Answer(int(lines.split()[1]), json.loads(content) if content else None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One host for all of them."""
    with serving(tmp_path_factory.mktemp("local"), SCIM_STORAGE="sqlite::memory:", SCIM_TOKEN=TOKEN) as running:
        yield running


@pytest.mark.parametrize(
    "target",
    [
        "/scim/v2/Users/%0d%0a",
        "/scim/v2/Users/%0A",
        "/scim/v2/%0d%0aUsers",
        "/%0a",
        "/scim/v2/Users/a%E2%80%A8b",
        "/scim/v2/Users/%zz",
        "http://other.example",
        "http://other.example?x=1",
    ],
)
def test_an_odd_path_is_not_found_in_scim_s_form(server: Server, target: str) -> None:
    """A client that reads the body of an error, as Entra's log does, finds one."""
    answer = ask(server, "GET", target)
    assert (answer.status, answer.body["status"]) == (404, "404")


@pytest.mark.parametrize("scheme", ["http://", "HTTP://", "http://somebody:secret@"])
def test_a_target_in_absolute_form_is_served_under_the_host_that_it_names(server: Server, scheme: str) -> None:
    """RFC 9112 §3.2.2: proxies send it, and the header Host does not count then."""
    answer = ask(server, "GET", f"{scheme}other.example:81/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:User")
    assert answer.status == 200
    assert answer.body["meta"]["location"].startswith("http://other.example:81/scim/v2/Schemas/urn:")
    unknown = ask(server, "GET", f"{scheme}other.example:81/Users?filter=http://x/")
    assert unknown.body["detail"].startswith(
        "There is no endpoint /Users. The Tenant URL is http://other.example:81/scim/v2;"
    )


def test_a_target_that_is_no_path_is_the_root(server: Server) -> None:
    """`OPTIONS *` asks about the host, which is not ours to answer; it is 404 as every address outside."""
    assert ask(server, "OPTIONS", "*").body["status"] == "404"


def test_an_address_within_a_query_is_no_host(server: Server) -> None:
    """Only what a target begins with can be one."""
    answer = ask(server, "GET", "/scim/v2/Users?filter=profileUrl%20eq%20http://other.example/x")
    assert (answer.status, answer.body["totalResults"]) == (200, 0)


def test_the_example_to_try_ends_its_answers_with_a_line_break() -> None:
    """Answers have none on the wire; in a terminal the next prompt would stand behind them."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [line for line in readme.splitlines() if line.startswith("curl ")]
    assert commands
    assert all(line.startswith("curl -w '\\n' ") for line in commands)
