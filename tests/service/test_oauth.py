"""The token endpoint as clients meet it: each placement of a secret, OAuth's errors, one answer for refusals."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest

from scim.access.clients import MOST_TOKENS
from scim.app import App
from scim.management.administration import Issued, Wanted
from scim.service.messages import Request
from tests.conftest import HOST, Answer, Clock, Http
from tests.recording import RecordingRows
from tests.tenancy import tenant

GRANT = {"grant_type": "client_credentials"}


def basic(name: str, secret: str, encode: bool = True) -> dict[str, str]:
    """Return the header of RFC 6749 §2.3.1, or one that forgets to encode."""
    pair = f"{quote_plus(name)}:{quote_plus(secret)}" if encode else f"{name}:{secret}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


async def ask(app: App, key: str, form: Mapping[str, str] | str, headers: Mapping[str, str] | None = None) -> Answer:
    """Send a token request."""
    body = (form if isinstance(form, str) else urlencode(form)).encode()
    sent = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
    request = Request("POST", f"{HOST}/{key}/v2/oauth/token", sent, body, "request-1")
    response = await app.oauth.token(request, {"tenant": key})
    assert response.media_type == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"
    return Answer(response.status, response.headers, json.loads(response.content()))


@pytest.fixture
async def key(app: App) -> str:
    """A tenant."""
    return await tenant(app)


@pytest.fixture
async def client(app: App, key: str) -> Issued:
    """An OAuth client of the tenant."""
    return await app.administration.issue(key, Wanted("Entra", "provision", oauth=True))


def body_of(client: Issued) -> dict[str, str]:
    return {"client_id": client.credential.id, "client_secret": client.secret}


async def test_a_secret_is_taken_in_the_header_in_the_body_and_in_both(app: App, key: str, client: Issued) -> None:
    """As the three choices of Entra's form send it; a header that is not encoded is understood too."""
    header, body = basic(client.credential.id, client.secret), body_of(client)
    raw = basic(client.credential.id, client.secret, encode=False)
    placements: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, header),
        ({}, raw),
        (body, {}),
        (body, header),
        ({"client_id": client.credential.id}, header),
    ]
    for form, headers in placements:
        answer = await ask(app, key, GRANT | form, headers)
        assert answer.status == 200, answer
        assert set(answer.body) == {"access_token", "token_type", "expires_in", "scope"}
        assert (answer.body["token_type"], answer.body["expires_in"]) == ("Bearer", 3600)
        assert (await Http(app, answer.body["access_token"], key).request("GET", "/Users")).status == 200


@pytest.mark.parametrize("secret", ["a b+c%d", "\u00fc:x", "%41"])
async def test_a_secret_with_any_character_is_compared_form_decoded_and_raw(
    app: App, key: str, client: Issued, secret: str
) -> None:
    """Ours have none of these, and yet whoever encodes and whoever does not must not be mistaken for each other."""
    for encode in (True, False):
        answer = await ask(app, key, GRANT, basic(client.credential.id, secret, encode))
        assert (answer.status, answer.body["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("scope", "requested", "told"),
    [
        ("provision", "", "provision"),
        ("provision", "anything at all", "provision"),
        ("provision", "read", "read"),
        ("provision", "read provision", "provision"),
        ("read", "provision", "read"),
        ("events", "read", "events"),
    ],
)
async def test_a_requested_scope_is_never_refused(app: App, key: str, scope: Any, requested: str, told: str) -> None:
    """What the client has is issued, narrowed where `read` alone is asked, and told."""
    issued = await app.administration.issue(key, Wanted("n", scope, oauth=True))
    answer = await ask(app, key, GRANT | body_of(issued) | {"scope": requested})
    assert answer.body["scope"] == told
    status = (await Http(app, answer.body["access_token"], key).request("POST", "/Users", {"userName": "a"})).status
    assert status == (201 if told == "provision" else 403)


async def test_a_strict_client_is_told_scim(app: App, key: str) -> None:
    """The drafted interoperability profile's name for it, equal to provision."""
    issued = await app.administration.issue(key, Wanted("n", "provision", oauth=True, strict=True))
    answer = await ask(app, key, GRANT | body_of(issued) | {"scope": "scim"})
    assert answer.body["scope"].split() == ["provision", "scim"]


@pytest.mark.parametrize(
    ("form", "code", "status"),
    [
        ({}, "invalid_request", 400),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type", 400),
        (GRANT, "invalid_client", 401),
        (GRANT | {"client_id": "x" * 16}, "invalid_client", 401),
        (GRANT | {"client_id": "x" * 16, "client_secret": "s", "client_assertion": "a"}, "invalid_request", 400),
        (GRANT | {"client_id": "x" * 16, "client_assertion": "a"}, "invalid_request", 400),
        ("grant_type=client_credentials&client_id=a&client_id=b", "invalid_request", 400),
        ("grant_type=client_credentials&x=%FF", "invalid_request", 400),
        ("&".join(f"a{number}=1" for number in range(60)), "invalid_request", 400),
        ("a=" + "b" * 70_000, "invalid_request", 413),
    ],
)
async def test_what_is_wrong_is_told_in_oauth_s_form(app: App, key: str, form: Any, code: str, status: int) -> None:
    """RFC 6749 §5.2: error and error_description, as JSON for every status."""
    answer = await ask(app, key, form)
    assert (answer.status, answer.body["error"]) == (status, code)
    assert set(answer.body) == {"error", "error_description"}


async def test_two_clients_or_two_secrets_in_one_request_are_refused(app: App, key: str, client: Issued) -> None:
    """Nobody can tell which one is meant; a secret beside an assertion neither."""
    header = basic(client.credential.id, client.secret)
    for further in (
        {"client_id": client.credential.id, "client_secret": "another"},
        {"client_id": "a" * 16},
        {"client_id": client.credential.id, "client_assertion": "a"},
    ):
        answer = await ask(app, key, GRANT | further, header)
        assert (answer.status, answer.body["error"]) == (400, "invalid_request"), further


async def test_unknown_parameters_are_ignored(app: App, key: str, client: Issued) -> None:
    """Microsoft's own test sends baseAddress."""
    assert (await ask(app, key, GRANT | body_of(client) | {"baseAddress": "https://x", "resource": "y"})).status == 200


async def test_refusals_cannot_be_told_apart(
    app: App, key: str, client: Issued, rows: RecordingRows, clock: Clock
) -> None:
    """An unknown or suspended tenant, an unknown client, a wrong secret, a token that is none of a client."""
    other = await tenant(app)
    suspended = await tenant(app)
    theirs = await app.administration.issue(suspended, Wanted("n", "provision", oauth=True))
    token = await app.administration.issue(key, Wanted("n", "provision"))
    await app.administration.suspend(suspended)
    cases = [
        (key, body_of(client) | {"client_secret": "wrong"}),
        (key, body_of(client) | {"client_id": "a" * 16}),
        (other, body_of(client)),
        ("a" * 20, body_of(client)),
        (suspended, body_of(theirs)),
        (key, {"client_id": token.credential.id, "client_secret": token.secret}),
    ]
    seen = []
    for place, form in cases:
        clock.forward(minutes=1)
        rows.forget()
        answer = await ask(app, place, GRANT | form)
        seen.append((answer.status, dict(answer.headers), answer.body, rows.calls.copy()))
    assert seen[0][0] == 401
    assert all(each == seen[0] for each in seen)
    with_header = await ask(app, key, GRANT, basic(client.credential.id, "wrong"))
    assert with_header.headers["WWW-Authenticate"] == 'Basic realm="scim"'


async def test_an_access_token_ends(app: App, key: str, client: Issued, clock: Clock) -> None:
    """After an hour by itself, with its client at once; then the timer sweeps it."""
    first = (await ask(app, key, GRANT | body_of(client))).body["access_token"]
    clock.forward(seconds=3599)
    assert (await Http(app, first, key).request("GET", "/Users")).status == 200
    clock.forward(seconds=2)
    assert (await Http(app, first, key).request("GET", "/Users")).status == 401
    assert (await app.rounds.run())["accessTokensExpired"] == 1
    assert await app.registry.access_tokens(client.credential.id) == []
    second = (await ask(app, key, GRANT | body_of(client))).body["access_token"]
    await app.administration.revoke(client.credential.id)
    clock.forward(seconds=10)
    assert (await Http(app, second, key).request("GET", "/Users")).status == 401
    assert (await ask(app, key, GRANT | body_of(client))).status == 401


async def test_the_oldest_of_a_client_s_tokens_goes_for_a_new_one(
    app: App, key: str, client: Issued, clock: Clock
) -> None:
    """At most a hundred live; asking for one is never refused for them."""
    tokens = []
    for _ in range(MOST_TOKENS + 2):
        tokens.append((await ask(app, key, GRANT | body_of(client))).body["access_token"])
        clock.forward(seconds=1)
    assert len(await app.registry.access_tokens(client.credential.id)) == MOST_TOKENS
    clock.forward(seconds=10)
    statuses = [(await Http(app, each, key).request("GET", "/Users?count=0")).status for each in tokens]
    assert statuses == [401, 401, *[200] * MOST_TOKENS]


async def test_a_client_s_secret_is_no_bearer_token(app: App, key: str, client: Issued) -> None:
    """It proves a client at the token endpoint and nothing else."""
    assert (await Http(app, client.secret, key).request("GET", "/Users")).status == 401


async def test_secrets_rotate_without_a_refusal(app: App, key: str, client: Issued, clock: Clock) -> None:
    """The renewed client is another one beside the old; the old one's tokens end with it."""
    new = await app.administration.renew(client.credential.id)
    for each in (client, new):
        assert (await ask(app, key, GRANT | body_of(each))).status == 200
    await app.administration.revoke(client.credential.id)
    clock.forward(seconds=10)
    assert (await ask(app, key, GRANT | body_of(new))).status == 200
    assert (await ask(app, key, GRANT | body_of(client))).status == 401


async def test_a_client_lives_two_years_unless_asked_otherwise(client: Issued) -> None:
    """As Entra's gallery wants."""
    assert client.credential.expires == "2028-01-31T12:00:00.000Z"


async def document(app: App, kind: str, segment: str) -> tuple[int, Any]:
    request = Request("GET", f"{HOST}/.well-known/{kind}/{segment}/v2")
    response = await app.oauth.metadata(request, {"document": kind, "tenant": segment})
    return response.status, json.loads(response.content())


async def test_metadata_are_made_of_the_address_alone(app: App, key: str) -> None:
    """Every well-formed key has the same, whether or not it is anybody's."""
    for each in (key, "a" * 20, "scim"):
        status, server = await document(app, "oauth-authorization-server", each)
        assert (status, server["issuer"]) == (200, f"{HOST}/{each}/v2")
        assert server["token_endpoint"] == f"{HOST}/{each}/v2/oauth/token"
        status, resource = await document(app, "oauth-protected-resource", each)
        assert (status, resource["resource"]) == (200, f"{HOST}/{each}/v2")
        assert resource["authorization_servers"] == [server["issuer"]]
    assert (await document(app, "oauth-authorization-server", "contoso"))[0] == 404
    assert (await document(app, "openid-configuration", key))[0] == 404


@pytest.mark.parametrize("token", ["wrong", None])
async def test_each_401_leads_to_the_metadata(app: App, key: str, token: str | None) -> None:
    """RFC 9728 §5.1; and says that a token was not valid when one came."""
    headers: dict[str, str | None] = {"authorization": f"Bearer {token}" if token else None}
    answer = await Http(app, "", key).request("GET", "/Users", headers=headers)
    metadata = f'resource_metadata="{HOST}/.well-known/oauth-protected-resource/{key}/v2"'
    expected = f'Bearer error="invalid_token", {metadata}' if token else f"Bearer {metadata}"
    assert answer.headers["WWW-Authenticate"] == expected


async def test_a_client_of_a_record_that_changed_meanwhile_is_read_anew(app: App, key: str, client: Issued) -> None:
    """An expired client gets nothing."""
    await app.registry.change_credential(
        client.credential.id, lambda each: replace(each, expires="2026-01-01T00:00:00Z")
    )
    app.admission.credentials._kept.clear()
    assert (await ask(app, key, GRANT | body_of(client))).status == 401
