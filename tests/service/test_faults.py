"""Faults, the line that each request logs, and health."""

import logging
from typing import Any

import pytest

from scim.app import App
from scim.protocol.errors import Unavailable
from scim.storage.rows import Rows
from tests.conftest import TOKEN, Http
from tests.service.asking import MISSING, assert_error


@pytest.fixture
def broken(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with a bug, whose words nobody outside may read."""

    async def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret-of-the-inside")

    monkeypatch.setattr(rows, "read", fail)
    monkeypatch.setattr(rows, "check", fail)


@pytest.mark.usefixtures("broken")
async def test_a_bug_is_a_500_that_tells_nothing_but_where_to_look(
    http: Http, caplog: pytest.LogCaptureFixture
) -> None:
    """The request's id leads to the trace in the log; the answer has neither the message nor the stack."""
    answer = await http.request("GET", f"/Users/{MISSING}")
    assert_error(answer, 500, detail="request-1")
    assert "secret-of-the-inside" not in str(answer)
    assert "Traceback" not in str(answer)
    assert "secret-of-the-inside" in caplog.text
    assert [each.levelno for each in caplog.records] == [logging.ERROR, logging.WARNING]


async def test_an_outage_is_a_503_that_says_when_to_come_again(
    http: Http, rows: Rows, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With Retry-After; it is a warning in the log, since no code is wrong."""

    async def fail(*_: Any, **__: Any) -> Any:
        raise Unavailable("The storage does not answer.", retry_after=9)

    monkeypatch.setattr(rows, "read", fail)
    caplog.set_level(logging.INFO)
    answer = await http.request("GET", f"/Users/{MISSING}")
    assert_error(answer, 503, detail="storage")
    assert answer.headers == {"Retry-After": "9"}
    assert [each.levelno for each in caplog.records] == [logging.WARNING]


async def test_each_request_logs_one_line(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    """With what was done, for whom, by whom and how it ended, and with the route's name whatever the slashes."""
    user = await http.user("mira")
    caplog.set_level(logging.INFO)
    await http.request("GET", f"//Users/{user['id']}/")
    [record] = caplog.records
    words = record.getMessage().split()
    assert words[:4] == ["GET", "GetUser", f"id={user['id']}", "status=200"]
    assert [each.partition("=")[0] for each in words[4:]] == [
        "ms",
        "request",
        "address",
        "client",
        "tenant",
        "credential",
    ]
    assert words[5:] == ["request=request-1", "address=-", "client=tests", "tenant=scim", "credential=key-vault"]


async def test_the_line_of_a_creation_has_the_new_id(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    """So that it is found by who looks for what became of a resource."""
    caplog.set_level(logging.INFO)
    user = await http.user("mira")
    assert f" id={user['id']} status=201 " in caplog.records[-1].getMessage()


LONG = {"displayName": "Crew", "members": [{"value": MISSING}]}


@pytest.mark.parametrize(
    ("method", "path", "body", "outcome"),
    [
        ("POST", "/Users", {"userName": "mira@contoso.example"}, "409 scimType=uniqueness attribute=userName"),
        ("POST", "/Users", {"active": True}, "400 scimType=invalidValue attribute=userName"),
        (
            "POST",
            "/Users",
            {"userName": "x", "emails": [{"value": 5.5}]},
            "scimType=invalidValue attribute=emails.value",
        ),
        ("POST", "/Groups", LONG, "400 scimType=invalidValue attribute=members"),
        ("PATCH", "{id}", ("replace", "name.givenName", {}), "scimType=invalidValue attribute=name.givenName"),
        ("PATCH", "{id}", ("replace", "groups", []), "400 scimType=mutability attribute=groups"),
        ("PATCH", "{id}", ("remove", "active", None), "400 scimType=mutability attribute=active"),
        ("GET", "/Users?filter=name+eq+%22x%22", None, "400 scimType=invalidFilter attribute=name"),
        ("GET", "/Users?filter=x+eq+%22x%22", None, "400 scimType=invalidFilter ms="),
        ("GET", f"/Users/{MISSING}", None, "404 ms="),
    ],
)
async def test_the_line_of_a_failure_says_what_it_is_about(
    http: Http, caplog: pytest.LogCaptureFixture, method: str, path: str, body: Any, outcome: str
) -> None:
    """Its scimType, and the attribute as the schema spells it: with these most failures are understood."""
    user = await http.user("mira")
    if isinstance(body, tuple):
        op, target, value = body
        path, body = f"/Users/{user['id']}", {"Operations": [{"op": op, "path": target, "value": value}]}
    caplog.set_level(logging.INFO)
    caplog.clear()
    await http.request(method, path, body)
    assert outcome in caplog.records[-1].getMessage()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/Users", {"userName": "secret-value", "title": "secret-value"}),
        ("POST", "/Users", {"userName": "secret-value", "active": "secret-value"}),
        ("GET", "/Users?filter=userName+eq+%22secret-value%22", None),
        ("PATCH", f"/Users/{MISSING}", {"Operations": [{"op": "add", "path": "title", "value": "secret-value"}]}),
        ("POST", "/Groups", {"displayName": "secret-value", "members": [{"value": "secret-value"}]}),
    ],
)
async def test_the_log_has_neither_tokens_nor_values(
    http: Http, caplog: pytest.LogCaptureFixture, method: str, path: str, body: Any
) -> None:
    """A log is read by more people than a directory is."""
    caplog.set_level(logging.DEBUG)
    await http.request(method, path, body)
    await http.request(method, path, body, {"Authorization": "Bearer another-secret-token"})
    text = "\n".join(each.getMessage() for each in caplog.records)
    assert text
    assert TOKEN not in text
    assert "secret" not in text


async def test_a_client_cannot_write_lines_into_the_log(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by an id nor by a name for itself, and long ones are cut."""
    caplog.set_level(logging.INFO)
    await http.request("GET", f"/Users/a%0A%1b{'x' * 500}", headers={"User-Agent": "b\nc\ud800" + "y" * 500})
    message = caplog.records[0].getMessage()
    assert message.splitlines() == [message]
    assert "id=a??xx" in message
    assert "client=b?c?yy" in message
    assert len(message) < 400


async def test_health_is_told_to_anybody(app: App) -> None:
    """200 while storage and token source answer."""
    response = await app.health.response()
    assert (response.status, response.body) == (200, {"status": "ok", "storage": "ok", "tokens": "ok", "timer": "ok"})


@pytest.mark.usefixtures("broken")
async def test_health_tells_what_fails_and_not_why(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """503; anybody may ask, so the reason of a bug is in the log only."""
    response = await app.health.response()
    assert response.status == 503
    why = "failing; the log says why"
    assert response.body == {"status": "failing", "storage": why, "tokens": "ok", "timer": why}
    assert "secret-of-the-inside" in caplog.text


async def test_health_tells_since_when_an_outage_lasts(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the token source says of its outage is for administrators."""

    async def fail() -> None:
        raise Unavailable("The key vault has not answered since 12:00.")

    monkeypatch.setattr(app.tokens, "check", fail)
    response = await app.health.response()
    assert response.status == 503
    assert response.body == {
        "status": "failing",
        "storage": "ok",
        "tokens": "The key vault has not answered since 12:00.",
        "timer": "ok",
    }
