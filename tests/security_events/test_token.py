"""Tokens against the rules of RFC 8417 and RFC 9967, each of which is a line of the table below."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from scim.app import App
from scim.directory.resources import Origin
from scim.security_events.signing import key_of, new_pem
from scim.security_events.token import MAX_TOKEN, URIS, Recipient, claims
from tests.conftest import Http
from tests.security_events.conftest import Receiver, receiver_of

PROV = "urn:ietf:params:scim:event:prov:"
NOTICES = ("create:notice", "patch:notice", "put:notice")

RULES: dict[str, Callable[[Any], bool]] = {
    "iss, aud, iat and jti are there (RFC 8417 2.2)": lambda token: all(token[each] for each in ("iss", "aud", "jti")),
    "iat is a number of seconds": lambda token: type(token["iat"]) is int,
    "there is no exp (RFC 8417 2.2)": lambda token: "exp" not in token,
    "txn is a text (RFC 9967 2.2)": lambda token: isinstance(token["txn"], str) and token["txn"] != "",
    "the subject is sub_id, never sub (RFC 9967 2.1)": lambda token: "sub_id" in token and "sub" not in token,
    "sub_id is of the format scim": lambda token: token["sub_id"]["format"] == "scim",
    "its uri is the path below the base": lambda token: (
        re.fullmatch("/(Users|Groups)/[0-9a-f]{32}", token["sub_id"]["uri"]) is not None
    ),
    "it has uri and externalId, no further value": lambda token: (
        set(token["sub_id"]) <= {"format", "uri", "externalId"}
    ),
    "the subject is in no event (RFC 9967 2.1)": lambda token: all("sub_id" not in each for each in payloads(token)),
    "there is an event, and each is registered (RFC 9967 7.4)": lambda token: 0 < len(token["events"]) <= 2,
    "names are lower case": lambda token: all(uri == uri.lower() and uri in URIS for uri in token["events"]),
    "a notice has attributes, and no data": lambda token: all(
        ("attributes" in payload) is uri.endswith(":notice") and "data" not in payload
        for uri, payload in token["events"].items()
    ),
    "attributes are names": lambda token: all(
        named and all(isinstance(name, str) and name for name in named)
        for named in (payload.get("attributes", ["id"]) for payload in payloads(token))
    ),
    "a delete has no payload (RFC 9967 2.4.4)": lambda token: token["events"].get(f"{PROV}delete", {}) == {},
    "nothing comes beside a delete": lambda token: f"{PROV}delete" not in token["events"] or len(token["events"]) == 1,
    "a version is an entity tag": lambda token: all(
        re.fullmatch('W/"[^"]+"', payload.get("version", 'W/"x"')) for payload in payloads(token)
    ),
}


def payloads(token: Any) -> list[Any]:
    return list(token["events"].values())


async def lived(app: App, http: Http) -> dict[str, Any]:
    """Let users and groups come, change in each way, and go; return who they were."""
    mira = await http.user("mira", externalId="m-1", title="Sales")
    paul = await http.user("paul", active=False)
    crew = await http.group("crew", mira["id"])
    path = f"/Users/{mira['id']}"
    await patched(http, path, {"op": "replace", "path": "title", "value": "Boss"})
    await patched(http, path, {"op": "replace", "path": "active", "value": False})
    await patched(http, path, {"op": "replace", "value": {"active": True, "title": "Sales"}})
    await http.request("PUT", path, {"userName": "mira@contoso.example", "externalId": "m-1", "nickName": "M"})
    await patched(http, f"/Groups/{crew['id']}", {"op": "add", "path": "members", "value": [{"value": paul["id"]}]})
    await http.request("PUT", f"/Groups/{crew['id']}", {"displayName": "Crew", "members": []})
    await app.tenants.default.roles.map("Crew", "editor", Origin())
    await http.request("DELETE", path)
    await http.request("DELETE", f"/Groups/{crew['id']}")
    return {"mira": mira, "paul": paul, "crew": crew}


async def patched(http: Http, path: str, *operations: Any) -> None:
    answer = await http.request("PATCH", path, {"Operations": list(operations)})
    assert answer.status in (200, 204), answer.body


@pytest.mark.parametrize("rule", RULES)
async def test_each_token_keeps_the_rule(app: App, http: Http, receiver: Receiver, rule: str) -> None:
    """Of every kind of change there is."""
    await lived(app, http)
    tokens = await receiver.poll()
    assert {uri for each in tokens for uri in each["events"]} == set(URIS)
    assert [each for each in tokens if not RULES[rule](each)] == []


async def test_each_change_has_the_event_of_what_was_done(app: App, http: Http, receiver: Receiver) -> None:
    """In the order of the feed; one change that flips `active` and more is one token with two events.

    A change of roles, which SCIM does not know, has none.
    """
    who = await lived(app, http)
    told = [(each["sub_id"]["uri"], shortened(each["events"])) for each in await receiver.poll()]
    mira, paul, crew = f"/Users/{who['mira']['id']}", f"/Users/{who['paul']['id']}", f"/Groups/{who['crew']['id']}"
    assert told == [
        (mira, {"create:notice": ["id", "userName", "externalId", "title", "active"]}),
        (paul, {"create:notice": ["id", "userName", "active"]}),
        (crew, {"create:notice": ["id", "displayName"]}),
        (crew, {"patch:notice": ["members"]}),
        (mira, {"patch:notice": ["title"]}),
        (mira, {"deactivate": None}),
        (mira, {"activate": None, "patch:notice": ["title", "active"]}),
        (mira, {"put:notice": ["nickName", "title"]}),
        (crew, {"patch:notice": ["members"]}),
        (crew, {"put:notice": ["displayName"]}),
        (crew, {"put:notice": ["members"]}),
        (mira, {"delete": None}),
        (crew, {"delete": None}),
    ]


def shortened(events: Any) -> Any:
    names = {uri.removeprefix(PROV): payload.get("attributes") for uri, payload in events.items()}
    return {uri: sorted(told) if uri.startswith("put") and told else told for uri, told in names.items()}


async def test_tokens_of_one_change_share_txn_and_no_two_share_jti(app: App, http: Http, receiver: Receiver) -> None:
    """A receiver tells by `txn` what belongs together, and by `jti` what it has."""
    second = await receiver_of(app)
    user = await http.user("mira")
    await http.group("crew", user["id"])
    mine, others = await receiver.poll(), await second.poll()
    assert [each["txn"] for each in mine] == [each["txn"] for each in others]
    assert mine[1]["txn"] == mine[2]["txn"] != mine[0]["txn"]  # the group and its members are one transaction
    assert len({each["jti"] for each in (*mine, *others)}) == 6


async def test_the_header_names_type_and_key(http: Http, receiver: Receiver) -> None:
    """No other JWT is taken for a token of this kind (RFC 8417 2.3)."""
    await http.user("mira")
    await receiver.poll()
    [header] = receiver.headers
    assert (header["typ"], header["alg"]) == ("secevent+jwt", "ES256")
    assert header["kid"]


async def test_the_version_is_that_of_the_resource(http: Http, receiver: Receiver) -> None:
    """So that a receiver knows whether it has seen the state that a token is about."""
    user = await http.user("mira")
    [token] = await receiver.poll()
    assert token["events"][f"{PROV}create:notice"]["version"] == user["meta"]["version"]


async def test_a_token_has_no_value_but_the_external_id(http: Http, receiver: Receiver) -> None:
    """Who changed what is told by names and ids."""
    await http.user("mira", externalId="m-1", title="A secret title", emails=[{"value": "mira@secret.example"}])
    answer = await receiver.ask(returnImmediately=True)
    [token] = [await receiver.checked(*each) for each in answer.body["sets"].items()]
    assert "secret" not in str(token).lower().replace("title", "").replace("emails", "")
    assert "contoso" not in str(token)


def test_a_token_stays_below_its_bound() -> None:
    """Names of attributes that would make it long are left out; whom it is about stays."""
    data = {"id": "1" * 32, "externalId": "\u0001" * 1000, "changed": ["a" * 1000] * 100, "version": 'W/"1"'}
    event = {"id": "e-0", "sequence": 1, "type": "user.updated", "timestamp": "2026-01-31T12:00:00Z", "data": data}
    token = claims(event, Recipient("w", "https://scim.example", "https://app.example"))
    assert len(token["events"][f"{PROV}patch:notice"]["attributes"]) == 6
    assert len(key_of(new_pem("RS256")).signed(token)) < MAX_TOKEN
