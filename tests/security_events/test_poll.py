"""Streams as RFC 8936 has them: tokens come until they are acknowledged, to one credential, in bounded answers."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from scim.protocol.errors import Unavailable
from scim.security_events import poll as poll_module
from scim.security_events.poll import MAX_SETS
from scim.security_events.stream import StreamRows
from scim.service.sets import MAX_ACKNOWLEDGED
from scim.storage.rows import Replace
from tests.conftest import BASE_URL, Clock, Http, make_app
from tests.recording import RecordingRows
from tests.security_events.conftest import Receiver, numbers, receiver_of
from tests.tenancy import client, credential, tenant


async def people(http: Http, count: int) -> list[Any]:
    return [await http.user(f"user{number}") for number in range(count)]


async def stream(app: App, receiver: Receiver) -> Any:
    [found] = [each for each in await (await app.streams()).all() if each["id"] == receiver.stream["id"]]
    return found


async def test_what_nobody_has_acknowledged_comes_again(http: Http, receiver: Receiver) -> None:
    """The very same token, so that who has it already knows it."""
    await people(http, 3)
    first = await receiver.poll()
    assert numbers(first) == [1, 2, 3]
    assert await receiver.poll() == first
    assert numbers(await receiver.poll(ack=[first[0]["jti"]])) == [2, 3]
    assert await receiver.poll(ack=[each["jti"] for each in first[1:]]) == []


async def test_acknowledgements_may_come_in_any_order_and_twice(app: App, http: Http, receiver: Receiver) -> None:
    """A later token does not wait for an earlier one, and none is lost by it."""
    await people(http, 4)
    one, two, three, four = await receiver.poll()
    assert numbers(await receiver.poll(ack=[four["jti"], two["jti"]])) == [1, 3]
    assert numbers(await receiver.poll(ack=[two["jti"], one["jti"]])) == [3]
    told = await stream(app, receiver)
    assert (told["acknowledgedUpTo"], told["waiting"]) == (2, 1)
    assert await receiver.poll(ack=[three["jti"]]) == []
    assert (await stream(app, receiver))["acknowledgedUpTo"] == 4


async def test_an_answer_has_as_many_tokens_as_are_asked_for(http: Http, receiver: Receiver) -> None:
    """And says whether there are more."""
    await people(http, 5)
    answer = await receiver.ask(maxEvents=2)
    assert (len(answer.body["sets"]), answer.body["moreAvailable"]) == (2, True)
    rest = await receiver.ask(maxEvents=3, ack=list(answer.body["sets"]))
    assert (len(rest.body["sets"]), rest.body["moreAvailable"]) == (3, False)


async def test_no_answer_has_more_than_a_hundred(http: Http, receiver: Receiver) -> None:
    """Whatever is asked for: each is signed while others wait."""
    await people(http, MAX_SETS + 5)
    answer = await receiver.ask(maxEvents=1_000_000)
    assert (len(answer.body["sets"]), answer.body["moreAvailable"]) == (MAX_SETS, True)
    rest = await receiver.ask(ack=list(answer.body["sets"]))
    assert (len(rest.body["sets"]), rest.body["moreAvailable"]) == (5, False)


async def test_max_events_of_nothing_only_acknowledges(app: App, http: Http, receiver: Receiver) -> None:
    """RFC 8936 2.4: nothing is returned, and nothing is waited for."""
    await people(http, 2)
    tokens = await receiver.poll()
    answer = await receiver.ask(maxEvents=0, ack=[tokens[0]["jti"]])
    assert answer.body == {"sets": {}, "moreAvailable": True}
    assert (await stream(app, receiver))["acknowledgedUpTo"] == 1
    answer = await receiver.ask(maxEvents=0, ack=[tokens[1]["jti"]])
    assert answer.body == {"sets": {}, "moreAvailable": False}


async def test_answers_are_plain_json_that_nobody_keeps(http: Http, receiver: Receiver) -> None:
    """RFC 8936 2.5."""
    response = await receiver.ask(returnImmediately=True)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.body == {"sets": {}, "moreAvailable": False}


async def test_a_poll_without_a_body_asks_for_what_there_is(http: Http, receiver: Receiver) -> None:
    """Every member of it may be missing."""
    await http.user("mira")
    assert len((await receiver.http.request("POST", receiver.path)).body["sets"]) == 1


async def test_a_token_that_cannot_be_used_does_not_come_again(
    app: App, http: Http, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """It would be the same; the log has the receiver's word for it, and the stream counts it. Of its text nothing."""
    await people(http, 2)
    first, _ = await receiver.poll()
    said = {first["jti"]: {"err": "invalid_audience", "description": "S3cret"}}
    assert numbers(await receiver.poll(setErrs=said)) == [2]
    told = await stream(app, receiver)
    assert (told["refused"], told["lastError"]) == (1, "invalid_audience")
    assert "cannot use 1 tokens: invalid_audience" in caplog.text
    assert "S3cret" not in caplog.text
    assert numbers(await receiver.poll(setErrs=said)) == [2]
    assert (await stream(app, receiver))["refused"] == 1


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ([], "JSON object"),
        ({"maxEvents": -1}, "maxEvents"),
        ({"maxEvents": "1"}, "maxEvents"),
        ({"maxEvents": True}, "maxEvents"),
        ({"returnImmediately": "yes"}, "returnImmediately"),
        ({"ack": "x"}, "ack"),
        ({"ack": [1]}, "ack"),
        ({"ack": ["x"] * (MAX_ACKNOWLEDGED + 1)}, "1,000"),
        ({"setErrs": []}, "setErrs"),
        ({"setErrs": {"x": "y"}}, "setErrs"),
    ],
)
async def test_what_is_wrong_is_named_and_changes_nothing(
    app: App, http: Http, receiver: Receiver, body: Any, names: str
) -> None:
    """As a SCIM error."""
    await http.user("mira")
    before = await stream(app, receiver)
    answer = await receiver.http.request("POST", receiver.path, body)
    assert (answer.status, names in answer.body["detail"]) == (400, True)
    assert await stream(app, receiver) == before


async def test_what_is_no_token_of_the_stream_acknowledges_nothing(app: App, http: Http, receiver: Receiver) -> None:
    """Another stream's, one that was not given yet, and nonsense are ignored: repetitions have to be."""
    other = await receiver_of(app)
    await people(http, 2)
    foreign = [each["jti"] for each in await other.poll()]
    nonsense = ["", "x", f"{receiver.stream['id']}.99.x", f"{receiver.stream['id']}.x", f"{receiver.stream['id']}.-1."]
    assert numbers(await receiver.poll(ack=[*foreign, *nonsense])) == [1, 2]
    assert (await stream(app, receiver))["acknowledgedUpTo"] == 0


async def test_a_stream_of_some_types_gets_those_alone(app: App, http: Http) -> None:
    """And its place passes all others, also where there are many of them."""
    receiver = await receiver_of(app, types=["user.deleted"])
    made = await people(http, 30)
    await http.request("DELETE", f"/Users/{made[3]['id']}")
    await http.request("DELETE", f"/Users/{made[4]['id']}")
    first, second = await receiver.poll()
    assert numbers([first, second]) == [31, 32]
    assert (await stream(app, receiver))["acknowledgedUpTo"] == 30
    assert numbers(await receiver.poll(ack=[second["jti"]])) == [31]
    assert await receiver.poll(ack=[first["jti"]]) == []
    assert (await stream(app, receiver))["acknowledgedUpTo"] == 32


async def test_a_stream_begins_with_what_happens_after_it(app: App, http: Http) -> None:
    """What was before is read as users and groups."""
    await http.user("early")
    receiver = await receiver_of(app)
    await http.user("late")
    assert numbers(await receiver.poll()) == [2]


@pytest.mark.parametrize("other", ["another stream's", "of the scope read"])
async def test_another_credential_finds_no_stream(app: App, http: Http, receiver: Receiver, other: str) -> None:
    """It is answered exactly as where there is none."""
    await http.user("mira")
    stranger = (await receiver_of(app)).http if other == "another stream's" else await client(app, "scim", "read")
    answer = await stranger.request("POST", receiver.path, {})
    none = await stranger.request("POST", f"/events/sets/{'0' * 32}", {})
    assert (answer.status, none.status) == (404, 404)
    assert answer.body["detail"].replace(receiver.stream["id"], "") == none.body["detail"].replace("0" * 32, "")
    for nonsense in ("nonsense", "%2e%2e", "0" * 31):
        assert (await stranger.request("POST", f"/events/sets/{nonsense}", {})).status == 404


async def test_another_tenant_s_credential_is_a_wrong_token(app: App, http: Http, receiver: Receiver) -> None:
    """Whatever it is bound to there; and its own tenant has no such stream."""
    key = await tenant(app)
    stranger = (await receiver_of(app, key)).stream["secretToken"]
    assert (await Http(app, stranger).request("POST", receiver.path, {})).status == 401
    assert (await Http(app, stranger, key).request("POST", receiver.path, {})).status == 404


async def test_a_client_s_access_tokens_stand_for_the_client(app: App, http: Http) -> None:
    """A stream is bound to the client, whose tokens come and go."""
    holder, _ = await credential(app, "scim", "events", kind="client")
    token = (await credential(app, "scim", "events", kind="access", client=holder))[1]
    stream = await (await app.streams()).create(BASE_URL, credential=holder, wait=0)
    await http.user("mira")
    assert len(await Receiver(Http(app, token), stream).poll()) == 1


async def test_an_empty_answer_waits_as_long_as_the_stream_says(
    app: App, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the receiver asks for an answer at once; what happens meanwhile ends it."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            await http.user("mira")

    monkeypatch.setattr(poll_module.Poll.__init__, "__defaults__", (sleep,))
    made = await (await app.streams()).create(BASE_URL, wait=5)
    receiver = Receiver(Http(app, made["secretToken"]), made)
    assert await receiver.poll(returnImmediately=True) == []
    assert await receiver.poll(maxEvents=0, returnImmediately=False) == []
    assert waited == []
    [token] = await receiver.poll(returnImmediately=False)
    assert len(waited) == 3
    assert await receiver.poll(returnImmediately=False, ack=[token["jti"]]) == []
    assert len(waited) == 8


async def test_the_wait_is_said_to_be_short_unless_asked_for(app: App, http: Http, receiver: Receiver) -> None:
    """`returnImmediately` is false unless said; a stream that waits for nothing answers at once."""
    assert (await receiver.ask()).body["sets"] == {}


async def test_a_poll_writes_nothing_but_what_is_new(app: App, http: Http, receiver: Receiver) -> None:
    """A receiver that polls for weeks costs reads."""
    await http.user("mira")
    await receiver.poll()
    before = await app.tenant.under(keys.stream())
    await receiver.poll(ack=["nonsense"])
    assert await app.tenant.under(keys.stream()) == before


async def test_an_acknowledgement_is_kept_before_the_answer(
    app: App, http: Http, receiver: Receiver, key_file: Path
) -> None:
    """So that it stands when the answer is lost, or cannot be signed: nothing is dropped, nothing comes twice."""
    await people(http, 2)
    first, _ = await receiver.poll()
    away = key_file.with_suffix(".away")
    shutil.move(key_file, away)
    answer = await receiver.ask(ack=[first["jti"]])
    assert (answer.status, "signing-key create" in answer.body["detail"]) == (503, True)
    shutil.move(away, key_file)
    assert numbers(await receiver.poll()) == [2]


async def test_what_the_store_refuses_is_not_acknowledged(
    app: App, http: Http, receiver: Receiver, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver is told so, and gets the token again."""
    await http.user("mira")
    [token] = await receiver.poll()

    async def refused(*_: Any) -> Any:
        raise Unavailable("The storage does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(rows, "commit", refused)
        assert (await receiver.ask(ack=[token["jti"]])).status == 503
    assert numbers(await receiver.poll()) == [1]


async def test_two_who_acknowledge_at_once_are_both_heard(app: App, http: Http, receiver: Receiver) -> None:
    """The row is written on condition of its version, and the loser begins again."""
    await people(http, 6)
    tokens = await receiver.poll()
    await asyncio.gather(*(receiver.ask(maxEvents=0, ack=[each["jti"]]) for each in tokens))
    assert await receiver.poll() == []


async def test_tokens_that_expire_are_dropped_and_told(
    app: App, http: Http, receiver: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver that stays away holds nothing back, but somebody has to know what it has lost."""
    await people(http, 3)
    tokens = await receiver.poll()
    await receiver.poll(ack=[tokens[1]["jti"]])
    clock.forward(days=20)
    await http.user("late")
    await app.maintenance.run()
    clock.forward(days=11)
    assert (await app.maintenance.run())["eventsExpired"] == 3
    [line] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert line.getMessage() == (
        f"stream {receiver.stream['id']} of tenant scim lost 2 tokens, which expired before they were acknowledged"
    )
    assert (await stream(app, receiver))["dropped"] == 2
    assert numbers(await receiver.poll()) == [4]


async def test_a_receiver_that_is_up_to_date_loses_nothing(
    app: App, http: Http, receiver: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Events that it has, or has not asked for, expire without a word."""
    few = await receiver_of(app, types=["user.deleted"])
    await people(http, 2)
    await receiver.poll(ack=[each["jti"] for each in await receiver.poll()])
    clock.forward(days=31)
    assert (await app.maintenance.run())["eventsExpired"] == 2
    assert [each for each in caplog.records if each.levelno == logging.ERROR] == []
    for each in (receiver, few):
        assert (await stream(app, each))["dropped"] == 0
        assert await each.poll() == []


async def test_after_a_restore_a_receiver_is_told_to_begin_anew(app: App, http: Http, receiver: Receiver) -> None:
    """Its operator lets the stream go on when the receiver has read everything."""
    await http.user("mira")
    await app.feed.restart()
    answer = await receiver.ask()
    assert (answer.status, answer.body["scimType"]) == (410, "cursor_expired")
    await (await app.streams()).restart(receiver.stream["id"])
    await http.user("late")
    assert numbers(await receiver.poll()) == [2]


async def test_a_damaged_stream_spoils_nothing_but_itself(
    app: App, http: Http, receiver: Receiver, rows: RecordingRows, clock: Clock
) -> None:
    """Nor does one that a newer release has written, which nobody here changes."""
    other = await receiver_of(app)
    await http.user("mira")
    [row] = [each for each in await app.tenant.under(keys.stream()) if receiver.stream["id"] in each.key]
    for body in (row.body.replace('"form":1', '"form":2'), "no json", '{"form": 1}', "[]"):
        [row] = [each for each in await app.tenant.under(keys.stream()) if receiver.stream["id"] in each.key]
        await app.tenant.commit([Replace(row.key, body, row.version)])
        assert (await receiver.ask()).status == 500
        assert len(await other.poll()) == 1
        assert len(await StreamRows(app.tenant).all()) == 1
    clock.forward(days=31)
    await app.maintenance.run()
    assert (await app.tenant.read(row.key)).body == "[]"  # type: ignore[union-attr]


@pytest.fixture
async def without_key(rows: RecordingRows, clock: Clock, tmp_path: Path) -> AsyncIterator[App]:
    made = make_app(rows, clock, signing_key=tmp_path / "no-such.pem")
    yield made
    await made.close()


async def test_without_a_key_nothing_is_switched_on(without_key: App) -> None:
    """No stream, no keys, and nothing in the discovery; the reason says what to do."""
    with pytest.raises(Unavailable, match="signing-key create"):
        await (await without_key.streams()).create(BASE_URL)
    issued = [each for each, _ in await without_key.administration.credentials("scim") if each.scope == "events"]
    assert issued == []
    http = Http(without_key)
    assert (await http.request("GET", "/events/jwks")).status == 404
    assert "securityEvents" not in (await http.request("GET", "/ServiceProviderConfig")).body


async def test_discovery_tells_of_them_where_there_is_a_stream(app: App, http: Http, receiver: Receiver) -> None:
    """RFC 9967 4; another tenant, without one, says nothing."""
    told = (await http.request("GET", "/ServiceProviderConfig")).body["securityEvents"]
    assert told["asyncRequest"] == "none"
    assert "urn:ietf:params:scim:event:prov:deactivate" in told["eventUris"]
    other = await client(app, await tenant(app))
    assert "securityEvents" not in (await other.request("GET", "/ServiceProviderConfig")).body


async def test_the_keys_are_for_anybody_and_tell_of_no_tenant(app: App, receiver: Receiver) -> None:
    """Receivers have no credential for them; every key of a tenant, also one that there is not, has the same answer."""
    answers = []
    for key in ("scim", await tenant(app), "z" * 20, "NOBODY"):
        nobody = Http(app, tenant=key)
        answers.append(await nobody.request("GET", "/events/jwks", headers={"authorization": None}))
    assert {each.status for each in answers} == {200}
    assert all(each.body == answers[0].body for each in answers)
    assert answers[0].headers["Cache-Control"] == "public, max-age=300"
    [key_told] = answers[0].body["keys"]
    assert set(key_told) == {"kty", "crv", "x", "y", "use", "alg", "kid"}  # and no `d`, which is the private half
