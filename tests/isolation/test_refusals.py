"""Who is refused learns nothing: at every kind of route and over each store, five cases look alike."""

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from scim.access.credential import Kind
from scim.access.token import made
from scim.app import App, build
from scim.directory.tenant import Tenant
from scim.management.administration import Wanted
from scim.service.messages import Request, Response
from scim.settings import Settings
from tests.azure import faults
from tests.conftest import HOST, TOKEN
from tests.recording import RecordingRows
from tests.tenancy import credential, tenant

ROUTES = [
    ("GET", "/Users?count=0"),
    ("POST", "/Users"),
    ("PATCH", "/Groups/1"),
    ("POST", "/Bulk"),
    ("POST", "/.search"),
    ("GET", "/Schemas"),
    ("GET", "/events"),
    ("POST", "/events/sets/1"),
    ("GET", "/access?user=1"),
    ("GET", "/nowhere"),
    ("PUT", "/Schemas"),
]
"""One of each kind: reading and writing, for a directory and for its followers, none, and another method."""


class Service(NamedTuple):
    """A service over some store, what forgets how often the store was called, and what tells it."""

    app: App
    forget: Callable[[], None]
    calls: Callable[[], int]


@pytest.fixture(params=["sqlite", "tables"])
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """The service over a store in memory, and over tables of the emulator, where each request on the wire counts."""
    if request.param == "sqlite":
        rows = RecordingRows()
        app = build(Settings("sqlite::memory:", (TOKEN,), journal=False), Tenant(rows, "scim"))
        yield Service(app, rows.forget, lambda: len(rows.calls))
        await app.close()
        return
    text = request.getfixturevalue("azurite")
    port = text.partition("127.0.0.1:")[2].partition("/")[0]
    async with faults.running(int(port)) as wire:
        storage = text.replace(f":{port}/", f":{wire.port}/")
        app = build(Settings(storage, (TOKEN,), tenant=f"t{secrets.token_hex(8)}", journal=False))
        yield Service(app, wire.asked.clear, lambda: len(wire.asked))
        await app.close()


@dataclass
class Case:
    """Somebody who is refused: the tenant of the address, and the id and the secret that he shows."""

    key: str
    id: str
    secret: str


async def cases(app: App, kind: Kind) -> dict[str, Case]:
    """Return the five cases, with credentials of a kind that are valid but for what the case is about."""
    keys = {name: await tenant(app, name) for name in ("active", "other", "suspended", "deleted")}
    shown = {name: Case(key, *await _credential(app, key, kind)) for name, key in keys.items()}
    await app.administration.suspend(keys["suspended"])
    await app.administration.delete(keys["deleted"])
    wrong = made()
    known_id = shown["active"].id
    return {
        "a wrong secret": Case(keys["active"], known_id if kind == "client" else wrong.id, wrong.text),
        "another tenant's": Case(keys["active"], shown["other"].id, shown["other"].secret),
        "no such tenant": Case("a" * 20, shown["active"].id, shown["active"].secret),
        "suspended": shown["suspended"],
        "deleted": shown["deleted"],
    }


async def _credential(app: App, key: str, kind: Kind) -> tuple[str, str]:
    if kind == "token":
        return await credential(app, key)
    client = await app.administration.issue(key, Wanted("Entra", "provision", oauth=True))
    if kind == "client":
        return client.credential.id, client.secret
    return await credential(app, key, kind="access", client=client.credential.id, expires="2999-01-01T00:00:00Z")


Outcome = tuple[int, dict[str, str], bytes, int]
"""Status, headers, body, and how many calls of the store there were."""


async def seen(service: Service, case: Case, answer: Callable[[], Awaitable[Response]]) -> Outcome:
    """Return what can be seen of an answer of a process that knows nothing yet, the case's key taken out of it."""
    for known in (service.app.admission.tenants, service.app.admission.credentials):
        known._kept.clear()
    service.forget()
    response = await answer()
    calls = service.calls()
    headers = {name: value.replace(case.key, "KEY") for name, value in response.headers.items()}
    return response.status, headers, response.content().replace(case.key.encode(), b"KEY"), calls


def check_alike(outcomes: dict[str, Outcome]) -> None:
    """Raise AssertionError unless all are the first one, which is 401 after two calls: for tenant and credential."""
    first = outcomes["a wrong secret"]
    assert (first[0], first[3]) == (401, 2)
    assert {name: each for name, each in outcomes.items() if each != first} == {}


@pytest.mark.parametrize("kind", ["token", "access"])
async def test_five_refusals_of_a_token_are_one_at_every_kind_of_route(service: Service, kind: Kind) -> None:
    """A wrong token, another tenant's, a tenant that is not there, is suspended, or is deleted: 401, and two calls.

    Nobody learns from it which customers there are, nor in which state they are.
    """
    refused = await cases(service.app, kind)
    for method, path in ROUTES:
        outcomes = {}
        for name, case in refused.items():
            headers = {"authorization": f"Bearer {case.secret}"}
            request = Request(method, f"{HOST}/{case.key}/v2{path}", headers, b"{}", "request-1")

            async def answer(request: Request = request) -> Response:
                return await service.app.endpoints.respond_anywhere(request)

            outcomes[name] = await seen(service, case, answer)
        check_alike(outcomes)


async def test_five_refusals_of_a_client_are_one_at_the_token_endpoint(service: Service) -> None:
    """In OAuth's form: invalid_client, whatever is wrong, after two calls."""
    outcomes = {}
    for name, case in (await cases(service.app, "client")).items():
        form = {"grant_type": "client_credentials", "client_id": case.id, "client_secret": case.secret}
        headers = {"content-type": "application/x-www-form-urlencoded"}
        request = Request("POST", f"{HOST}/{case.key}/v2/oauth/token", headers, urlencode(form).encode(), "request-1")

        async def answer(request: Request = request, key: str = case.key) -> Response:
            return await service.app.oauth.token(request, {"tenant": key})

        outcomes[name] = await seen(service, case, answer)
    assert json.loads(outcomes["deleted"][2])["error"] == "invalid_client"
    check_alike(outcomes)
