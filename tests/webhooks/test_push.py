"""Security Event Tokens by RFC 8935: one to a request, signed, until the receiver has it; what it refuses is told."""

import logging
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web

from scim.app import App
from scim.management.webhooks import Webhooks
from scim.protocol.errors import InvalidValue, Unavailable
from scim.security_events.session import SESSION_REVOKED
from scim.webhooks.push import VERIFICATION
from tests.conftest import BASE_URL, Clock, Http, make_app
from tests.recording import RecordingRows
from tests.security_events import conftest as security_events
from tests.security_events.conftest import key_file
from tests.security_events.test_token import RULES, lived, patched
from tests.webhooks.conftest import KEY, deliver
from tests.webhooks.receiver import Receiver

__all__ = ["key_file"]

PROV = "urn:ietf:params:scim:event:prov:"
IDENTITIES = "https://login.contoso.example"

SESSION_RULES: dict[str, Callable[[Any], bool]] = {
    "iss, aud, iat and jti are there (RFC 8417 2.2)": RULES["iss, aud, iat and jti are there (RFC 8417 2.2)"],
    "iat is a number of seconds": RULES["iat is a number of seconds"],
    "there is no exp (RFC 8417 2.2)": RULES["there is no exp (RFC 8417 2.2)"],
    "txn is a text (RFC 8417 2.2)": RULES["txn is a text (RFC 9967 2.2)"],
    "the subject is sub_id, never sub (SSF 1.0)": RULES["the subject is sub_id, never sub (RFC 9967 2.1)"],
    "it is of one event, that of CAEP 1.0 3.1": lambda token: list(token["events"]) == [SESSION_REVOKED],
    "event_timestamp is a number of seconds (CAEP 1.0 2)": lambda token: (
        token["events"][SESSION_REVOKED] == {"event_timestamp": token["iat"]}
    ),
}


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock, key_file: Path) -> AsyncIterator[App]:
    """A service that can sign in both forms."""
    made = make_app(rows, clock, webhook_key=KEY, signing_key=key_file)
    yield made
    await made.close()


async def pushing(app: App, receiver: Receiver, types: tuple[str, ...] = (), **further: Any) -> Any:
    webhooks: Webhooks = await app.webhooks()
    return await webhooks.create(receiver.url, types, form="security-event", issuer=BASE_URL, **further)


@pytest.fixture
async def webhook(app: App, receiver: Receiver) -> Any:
    """A webhook that gets tokens, and none when sessions end."""
    return await pushing(app, receiver)


async def tokens(http: Http, webhook: Any, receiver: Receiver) -> list[Any]:
    """Return the claims of what has arrived, each checked by PyJWT: signature, issuer and audience."""
    checker = security_events.Receiver(http, webhook)
    said = [each.body.decode() for each in receiver.received]
    ids = [jwt.decode(each, options={"verify_signature": False})["jti"] for each in said]
    return [await checker.checked(name, token) for name, token in zip(ids, said, strict=True)]


async def shown(app: App, webhook: Any) -> Any:
    return await (await app.webhooks()).show(webhook["id"])


@pytest.mark.parametrize("rule", RULES)
async def test_each_token_keeps_the_rule(app: App, http: Http, webhook: Any, receiver: Receiver, rule: str) -> None:
    """The same table as for tokens that are fetched; and a change of roles, of which there is none, is passed."""
    await lived(app, http)
    assert await deliver(app) == 13
    assert [each for each in await tokens(http, webhook, receiver) if not RULES[rule](each)] == []
    assert (await shown(app, webhook))["lag"]["events"] == 0


async def test_each_request_has_one_token_and_says_so(app: App, http: Http, webhook: Any, receiver: Receiver) -> None:
    """RFC 8935 2.1: the token is the body; an answer in JSON is wanted. It comes in the order of the feed."""
    await http.user("mira")
    await http.user("noah")
    receiver.then(202)
    assert await deliver(app) == 2
    for got in receiver.received:
        assert got.headers["Content-Type"] == "application/secevent+jwt"
        assert got.headers["Accept"] == "application/json"
        assert "webhook-signature" not in got.headers
        assert jwt.get_unverified_header(got.body.decode())["typ"] == "secevent+jwt"
    assert security_events.numbers(await tokens(http, webhook, receiver)) == [1, 2]


async def test_the_audience_is_the_address_of_the_webhook(app: App, webhook: Any, receiver: Receiver) -> None:
    """What its receiver checks was told when it was made, and there is no secret to be kept."""
    assert webhook["audience"] == webhook["url"] == receiver.url
    assert (webhook["issuer"], webhook["jwks"]) == (BASE_URL, f"{BASE_URL}/events/jwks")
    assert (webhook["form"], "secret" in webhook) == ("security-event", False)
    with pytest.raises(InvalidValue, match="signing-key rotate"):
        await (await app.webhooks()).rotate(webhook["id"])


async def test_a_token_that_comes_again_is_the_same(
    app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock
) -> None:
    """By its `jti` a receiver knows that it has it."""
    await http.user("mira")
    receiver.then(500, 202)
    await deliver(app)
    clock.forward(seconds=5)
    assert await deliver(app) == 1
    first, second = await tokens(http, webhook, receiver)
    assert first == second


@pytest.mark.parametrize("status", [401, 403])
async def test_an_authentication_that_fails_is_tried_again(
    app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock, status: int
) -> None:
    """It is mended at the receiver, and the token is not lost meanwhile."""
    await http.user("mira")
    receiver.then(status, 202)
    assert await deliver(app) == 0
    assert (await shown(app, webhook))["lastError"] == f"the receiver answers {status}"
    clock.forward(seconds=5)
    assert await deliver(app) == 1


def refused(receiver: Receiver, body: Any, status: int = 400) -> None:
    receiver.answers = [lambda: web.json_response(body, status=status)]


async def test_what_the_receiver_says_of_a_refusal_is_shown_and_its_word_logged(
    app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """RFC 8935 2.3. The operator sees both; the text, which is somebody else's, stays out of the log."""
    await http.user("mira")
    refused(receiver, {"err": "invalid_audience", "description": "not\nfor us, S3cret"})
    assert await deliver(app) == 0
    told = await shown(app, webhook)
    assert told["lastError"] == "the receiver answers 400 with invalid_audience: not for us, S3cret"
    assert (told["enabled"], told["failures"]) == (True, 1)
    assert "the receiver answers 400 with invalid_audience" in caplog.text
    assert "S3cret" not in caplog.text


@pytest.mark.parametrize(
    ("body", "shows"),
    [
        ({"err": "e" * 100, "description": "d" * 3_000, "other": "o"}, f"400 with {'e' * 40}: {'d' * 300}"),
        ({"err": "e", "description": "d" * 10_000}, "400"),
        ({"err": "\u00e9", "description": 1}, "400 with unknown"),
        ({}, "400 with unknown"),
        (["err"], "400"),
    ],
)
async def test_what_a_receiver_may_say_has_a_bound(
    app: App, http: Http, webhook: Any, receiver: Receiver, body: Any, shows: str
) -> None:
    """Whatever it answers, `lastError` stays short; nothing but `err` and `description` is read."""
    await http.user("mira")
    refused(receiver, body)
    await deliver(app)
    assert (await shown(app, webhook))["lastError"] == f"the receiver answers {shows}"


async def test_an_answer_that_is_no_json_or_no_refusal_is_its_status(
    app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock
) -> None:
    """Nothing of it is shown."""
    await http.user("mira")
    receiver.answers = [lambda: web.Response(status=400, text="{S3cret")]
    await deliver(app)
    assert (await shown(app, webhook))["lastError"] == "the receiver answers 400"
    clock.forward(seconds=5)
    refused(receiver, {"err": "S3cret"}, 403)
    await deliver(app)
    assert (await shown(app, webhook))["lastError"] == "the receiver answers 403"


async def test_without_a_signing_key_there_is_none(rows: RecordingRows, clock: Clock, receiver: Receiver) -> None:
    """And a sentence says how one is made."""
    app = make_app(rows, clock, webhook_key=KEY)
    with pytest.raises(Unavailable, match="SCIM_SIGNING_KEY"):
        await pushing(app, receiver)
    assert await (await app.webhooks()).all() == []
    await app.close()


async def test_a_key_that_is_away_keeps_tokens_waiting(
    app: App, http: Http, webhook: Any, receiver: Receiver, clock: Clock, key_file: Path
) -> None:
    """Nothing is passed, nothing is sent without a signature."""
    await http.user("mira")
    away = key_file.with_suffix(".away")
    shutil.move(key_file, away)
    assert await deliver(app) == 0
    assert receiver.received == []
    shutil.move(away, key_file)
    clock.forward(seconds=60)
    assert await deliver(app) == 1


async def test_a_test_sends_a_token_about_the_webhook_itself(
    app: App, http: Http, webhook: Any, receiver: Receiver
) -> None:
    """The verification event of the Shared Signals Framework: a receiver is tried before anything happens."""
    told = await (await app.webhooks()).test(webhook["id"])
    assert (told["ok"], told["status"]) == (True, 204)
    [token] = await tokens(http, webhook, receiver)
    assert token["events"] == {VERIFICATION: {}}
    assert token["sub_id"] == {"format": "opaque", "id": webhook["id"]}
    assert "txn" not in token
    refused(receiver, {"err": "invalid_key", "description": "unknown kid"})
    told = await (await app.webhooks()).test(webhook["id"])
    assert told["error"] == "the receiver answers 400 with invalid_key: unknown kid"


async def test_discovery_tells_of_security_events_where_a_webhook_gets_them(
    app: App, http: Http, receiver: Receiver
) -> None:
    """RFC 9967 4: one that gets events in another form makes none."""
    await (await app.webhooks()).create(receiver.url)
    assert "securityEvents" not in (await http.request("GET", "/ServiceProviderConfig")).body
    await pushing(app, receiver)
    told = (await http.request("GET", "/ServiceProviderConfig")).body["securityEvents"]
    assert (told["asyncRequest"], f"{PROV}deactivate" in told["eventUris"]) == ("none", True)


async def gone(http: Http) -> Any:
    """Let a user come and be disabled; return who it was."""
    emails = [{"value": "home@x.example", "type": "home"}, {"value": "mira@contoso.example", "type": "work"}]
    user = await http.user("mira", externalId="00u1", emails=emails)
    await patched(http, f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": False})
    return user


SUBJECTS: dict[str, Callable[[str], Any]] = {
    "email": lambda _: {"format": "email", "email": "mira@contoso.example"},
    "iss_sub": lambda _: {"format": "iss_sub", "iss": IDENTITIES, "sub": "00u1"},
    "scim": lambda user_id: {"format": "scim", "uri": f"/Users/{user_id}", "externalId": "00u1"},
}


async def revoking(app: App, receiver: Receiver, known_as: str, types: tuple[str, ...] = ()) -> Any:
    issuer = IDENTITIES if known_as == "iss_sub" else ""
    return await pushing(app, receiver, types, session_revoked=known_as, subject_issuer=issuer)


@pytest.mark.parametrize("known_as", SUBJECTS)
async def test_a_deactivation_ends_sessions_by_a_token_of_its_own(
    app: App, http: Http, receiver: Receiver, known_as: str
) -> None:
    """Behind that of the deactivation, of the same transaction, about whom the receiver knows by that name."""
    webhook = await revoking(app, receiver, known_as)
    user = await gone(http)
    assert await deliver(app) == 2
    _, deactivated, revoked = await tokens(http, webhook, receiver)
    assert list(deactivated["events"]) == [f"{PROV}deactivate"]
    assert {name for name, holds in SESSION_RULES.items() if not holds(revoked)} == set()
    assert revoked["sub_id"] == SUBJECTS[known_as](user["id"])
    assert revoked["txn"] == deactivated["txn"]
    assert revoked["jti"] != deactivated["jti"]


async def test_nobody_s_sessions_end_unless_asked_for(
    app: App, http: Http, webhook: Any, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """It is opt-in, and no error of who has not chosen it."""
    await gone(http)
    assert await deliver(app) == 2
    assert len(receiver.received) == 2
    assert [each for each in caplog.records if each.levelno == logging.ERROR] == []


async def test_a_deletion_ends_the_sessions_of_who_was_active(app: App, http: Http, receiver: Receiver) -> None:
    """Of one who was disabled before they have ended already."""
    webhook = await revoking(app, receiver, "scim", ("user.deactivated", "user.deleted"))
    for name, active in (("mira", True), ("noah", False)):
        user = await http.user(name, active=active)
        await http.request("DELETE", f"/Users/{user['id']}")
    await deliver(app)
    told = [list(each["events"]) for each in await tokens(http, webhook, receiver)]
    assert told == [[f"{PROV}delete"], [SESSION_REVOKED], [f"{PROV}delete"]]


@pytest.mark.parametrize(
    ("known_as", "lacks"),
    [("email", "e-mail"), ("iss_sub", "externalId")],
)
async def test_a_user_without_that_name_is_told_of_in_the_log(
    app: App, http: Http, receiver: Receiver, known_as: str, lacks: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No token can say whose sessions end; that of the deactivation goes all the same, and what is behind it."""
    await revoking(app, receiver, known_as, ("user.deactivated",))
    user = await http.user("mira")
    await patched(http, f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": False})
    assert await deliver(app) == 1
    assert len(receiver.received) == 1
    [line] = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert line.endswith(f"no session-revoked goes with event 2, its user has no {lacks}")


async def test_sessions_end_when_the_receiver_has_the_deactivation(
    app: App, http: Http, receiver: Receiver, clock: Clock
) -> None:
    """Who signs in again in between would have a new session: so the second token waits for the first."""
    webhook = await revoking(app, receiver, "scim", ("user.deactivated",))
    await gone(http)
    receiver.then(500, 202)
    await deliver(app)
    clock.forward(seconds=5)
    assert await deliver(app) == 1
    told = [list(each["events"]) for each in await tokens(http, webhook, receiver)]
    assert told == [[f"{PROV}deactivate"], [f"{PROV}deactivate"], [SESSION_REVOKED]]


async def test_when_the_second_token_fails_both_come_again(
    app: App, http: Http, receiver: Receiver, clock: Clock
) -> None:
    """The event is delivered when the receiver has all of its tokens."""
    webhook = await revoking(app, receiver, "scim", ("user.deactivated",))
    await gone(http)
    receiver.then(202, 500, 202)
    assert await deliver(app) == 0
    clock.forward(seconds=5)
    assert await deliver(app) == 1
    first, second, *again = await tokens(http, webhook, receiver)
    assert again == [first, second]


@pytest.mark.parametrize(
    ("further", "says"),
    [
        ({"session_revoked": "phone"}, "email, iss_sub, scim"),
        ({"session_revoked": "iss_sub"}, "subjectIssuer"),
        ({"session_revoked": "email", "subject_issuer": IDENTITIES}, "subjectIssuer"),
        ({"subject_issuer": IDENTITIES}, "subjectIssuer"),
        ({"session_revoked": "iss_sub", "subject_issuer": "x" * 501}, "500"),
        ({"types": ("user.deleted",), "session_revoked": "scim"}, "user.deactivated"),
        ({"types": ("group.roles_changed",)}, "group.members_removed"),
        ({"form": "caep"}, "standard, security-event"),
        ({"form": "standard", "session_revoked": "scim"}, "security-event"),
    ],
)
async def test_what_makes_no_sense_is_refused(app: App, receiver: Receiver, further: Any, says: str) -> None:
    """With a sentence, and nothing is made."""
    webhooks = await app.webhooks()
    chosen = {"form": "security-event", "issuer": BASE_URL} | further
    with pytest.raises(InvalidValue, match=says):
        await webhooks.create(receiver.url, **chosen)
    assert await webhooks.all() == []
