"""What azd tells after a deployment, and the connection that it tries before anybody opens Entra."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tools import after_azd as tool

TOKEN = "a-token-made-up-for-tests"


class Endpoint(BaseHTTPRequestHandler):
    """Answers 503 twice, as a new app does, and then as an endpoint without users."""

    statuses: list[int]
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(f"{self.path} {self.headers['Authorization']}")
        status = self.statuses.pop(0) if self.statuses else 200
        body = json.dumps({"totalResults": 0}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test silent."""


@pytest.fixture
def tenant_url() -> Iterator[str]:
    Endpoint.statuses, Endpoint.asked = [503, 503], []
    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/scim/v2"
    server.shutdown()
    thread.join()
    server.server_close()


def found(tenant_url: str) -> dict[str, str]:
    return {
        "TENANT_URL": tenant_url,
        "GET_TOKEN_COMMAND": "az keyvault secret show",
        "TOKEN_PAGE": "https://portal.example/",
        "HEALTH_URL": "https://example/health",
    }


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_it_waits_until_the_endpoint_answers_as_entra_expects(tenant_url: str) -> None:
    """Roles take minutes to spread, and a new app answers 503 for a minute."""
    clock, tokens = Clock(), iter([None, TOKEN])
    wrong = tool.test_connection(found(tenant_url), lambda _: next(tokens), clock.now, clock.sleep)
    assert wrong == ""
    assert len(Endpoint.asked) == 3
    assert Endpoint.asked[0].startswith("/scim/v2/Users?filter=userName%20eq%20%22")
    assert Endpoint.asked[0].endswith(f"Bearer {TOKEN}")


def test_it_gives_up_with_a_sentence(tenant_url: str) -> None:
    """What the administrator reads last says what was answered and where to look, and never the token."""
    Endpoint.statuses = [503] * 1000
    clock = Clock()
    wrong = tool.test_connection(found(tenant_url), lambda _: TOKEN, clock.now, clock.sleep)
    assert "answers 503: docs/deploy.md" in wrong
    assert TOKEN not in wrong
    assert clock.seconds >= tool.WAIT_SECONDS


def test_a_token_that_cannot_be_read_is_named(tenant_url: str) -> None:
    """The command that would show it says why it does not."""
    clock = Clock()
    wrong = tool.test_connection(found(tenant_url), lambda _: None, clock.now, clock.sleep)
    assert wrong.startswith("the token cannot be read: run az keyvault secret show")
    assert Endpoint.asked == []


def test_outputs_may_come_in_another_case(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure changes the case of names now and then; and a restricted endpoint is not asked from here."""
    environment = {name.lower(): value for name, value in found("https://host/scim/v2").items()}
    assert tool.main({**environment, "DEPLOY_RESTRICT_TO_ENTRA": "true"}) == 0
    told = capsys.readouterr().out
    assert "https://host/scim/v2" in told
    assert "Test Connection: not from here" in told


def test_without_a_deployment_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A hook that is run by hand names what is missing."""
    assert tool.main({}) == 1
    assert "azd knows no TENANT_URL" in capsys.readouterr().err
