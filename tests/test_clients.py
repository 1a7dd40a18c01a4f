"""What clients really send: each file below `clients` is one quirk, as exchanges that must go as they say.

A file tells `about` and `source`, what is `given` (resources by name, created beforehand) and the `exchanges`. Of an
answer only what the file names is compared: null there means that the attribute is absent, a list has just the values
that are listed. `<name>` stands for the id of what is given, or for what an exchange `keep`s of its answer.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from scim.app import App
from scim.management.administration import Wanted
from scim.service.messages import Request
from tests.conftest import HOST, Http
from tests.tenancy import tenant

FOLDER = Path(__file__).parent / "clients"
FILES = sorted(FOLDER.glob("*/*.json"))
CLIENTS = {
    "entra",
    "google",
    "jumpcloud",
    "keycloak",
    "okta",
    "onelogin",
    "ping",
    "rippling",
    "sailpoint",
    "salesforce",
}


def read(file: Path) -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return recorded


def differences(expected: Any, got: Any, at: str = "") -> list[str]:
    """Return where an answer is not as expected, each as a line."""
    if expected is None:
        return [] if got is None else [f"{at}: is there, as {got!r}"]
    if isinstance(expected, dict) and isinstance(got, dict):
        return [line for name, each in expected.items() for line in differences(each, got.get(name), f"{at}/{name}")]
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        pairs = enumerate(zip(expected, got, strict=True))
        return [line for number, (one, other) in pairs for line in differences(one, other, f"{at}/{number}")]
    same = expected == got and type(expected) is type(got)
    return [] if same else [f"{at}: expected {expected!r}, got {got!r}"]


def filled(value: Any, kept: dict[str, str]) -> Any:
    """Return a value with what was kept in place of its names, also in keys of objects."""
    if isinstance(value, str):
        for name, item in kept.items():
            value = value.replace(f"<{name}>", item)
        return value
    if isinstance(value, list):
        return [filled(each, kept) for each in value]
    return (
        {filled(name, kept): filled(each, kept) for name, each in value.items()} if isinstance(value, dict) else value
    )


def picked(body: Any, path: str) -> str:
    for name in path.split("."):
        body = body[name]
    return str(body)


async def exchange(http: Http, sent: dict[str, Any], headers: dict[str, str | None], kept: dict[str, str]) -> None:
    method, _, path = sent["request"].partition(" ")
    content = sent["content"].encode() if "content" in sent else None
    answer = await http.request(method, path, sent.get("body"), headers | sent.get("headers", {}), content)
    assert answer.status == sent["status"], (sent["request"], answer.body)
    if "answer" in sent:
        assert differences(sent["answer"], answer.body) == [], sent["request"]
    kept.update({name: picked(answer.body, path) for name, path in sent.get("keep", {}).items()})


async def second_tenant(app: App) -> Http:
    """Return a client of another tenant than the default one, with an access token that it got by OAuth."""
    key = await tenant(app)
    issued = await app.administration.issue(key, Wanted("Entra", "provision", oauth=True))
    form = f"grant_type=client_credentials&client_id={issued.credential.id}&client_secret={issued.secret}"
    request = Request("POST", f"{HOST}/{key}/v2/oauth/token", {}, form.encode())
    answer = await app.oauth.token(request, {"tenant": key})
    return Http(app, answer.body["access_token"], key)


@pytest.mark.parametrize("door", ["token", "oauth"])
@pytest.mark.parametrize("file", FILES, ids=[f"{file.parent.name}-{file.stem}" for file in FILES])
async def test_a_client_is_served(app: App, http: Http, file: Path, door: str) -> None:
    """Every exchange of the file goes as it says, for the default tenant and for another one with an OAuth token."""
    await served(http if door == "token" else await second_tenant(app), file)


async def served(http: Http, file: Path) -> None:
    """Send the exchanges of a file; each must go as it says."""
    recorded = read(file)
    kept: dict[str, str] = {}
    for name, resource in recorded.get("given", {}).items():
        path = "/Users" if "userName" in resource else "/Groups"
        kept[name] = (await http.created(path, **filled(resource, kept)))["id"]
    for sent in recorded["exchanges"]:
        await exchange(http, filled(sent, kept), recorded.get("headers", {}), kept)


def test_each_file_says_what_it_is_and_where_from() -> None:
    """A form that nobody can trace cannot be judged later."""
    assert {file.parent.name for file in FILES} >= CLIENTS
    for file in FILES:
        recorded = read(file)
        assert set(recorded) <= {"about", "source", "headers", "given", "exchanges"}, file
        assert recorded["about"].endswith("."), file
        assert recorded["source"], file
        for each in recorded["exchanges"]:
            assert set(each) <= {"request", "headers", "body", "content", "status", "answer", "keep"}, file


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ({"a": 1}, {}),
        ({"a": 1}, {"a": 2}),
        ({"a": True}, {"a": 1}),
        ({"a": None}, {"a": []}),
        ({"a": []}, {"a": [1]}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {"b": 2}]}),
        ({"a": {"b": "x"}}, {"a": "x"}),
        ({}, None),
    ],
)
def test_an_answer_that_differs_is_noticed(expected: Any, got: Any) -> None:
    """The comparison itself can fail."""
    assert differences(expected, got) != []
