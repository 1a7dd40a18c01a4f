"""Capture: what a client really sends, kept for an hour at most and shown for a day; no answer depends on it."""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory.capture import PIECE
from scim.protocol.errors import Unavailable
from scim.service import capturing
from scim.service.masking import Masking
from scim.storage.rows import Delete, Insert, Replace
from tests.conftest import Clock, Http, make_app
from tests.management.managing import Manager, administrator, fits, operator
from tests.recording import RecordingRows
from tests.tenancy import client
from tests.test_clients import served

PATH = "/tenants/scim/capture"


@pytest.fixture
async def admin(app: App) -> Manager:
    """Who administers the default tenant."""
    return await administrator(app)


async def started(admin: Manager, clock: Clock, **asked: Any) -> Any:
    """Start a capture, and let every process hear of it."""
    answer = await admin.ask("POST", PATH, asked or None)
    assert answer.status == 201, answer
    fits("Capture", answer.body)
    clock.forward(seconds=10)
    return answer.body


async def exchanges(admin: Manager) -> list[Any]:
    """Return all that was captured, whole, the newest first."""
    listed = (await admin.ask("GET", PATH)).body["exchanges"]
    found = [(await admin.ask("GET", f"{PATH}/exchanges/{each['id']}")).body for each in listed]
    for each in (*listed, *found):
        fits("Exchange", each)
    return sorted(found, key=lambda each: -int(each["number"]))  # the clock of tests stands still


async def test_nothing_is_captured_unless_somebody_asks(
    admin: Manager, http: Http, rows: RecordingRows, clock: Clock
) -> None:
    """And while nothing is, no request asks the store about it."""
    await http.user("mira")
    rows.forget()
    await http.request("GET", "/Users")
    calls = list(rows.calls)
    answer = await admin.ask("GET", PATH)
    assert answer.body == {"capture": None, "exchanges": [], "nextCursor": None}
    await started(admin, clock, minutes=1)
    await http.request("GET", "/Users")
    clock.forward(minutes=1)
    await http.request("GET", "/Users")
    assert len(await exchanges(admin)) == 1
    await admin.ask("DELETE", PATH)
    clock.forward(seconds=10)
    await http.request("GET", "/Users")
    rows.forget()
    await http.request("GET", "/Users")
    assert rows.calls == calls


async def test_values_are_masked_and_what_explains_a_failure_is_not(admin: Manager, http: Http, clock: Clock) -> None:
    """Names of attributes, operations, paths and the error stay; no value shows, and equal ones stay equal."""
    await started(admin, clock)
    mira = await http.user(
        "mira", title="Mate of the Vesterhav", active=True, emails=[{"type": "work", "value": "m@x.y"}]
    )
    await http.request("POST", "/Users", {"userName": "MIRA@contoso.example"})
    await http.request("GET", "/Users?filter=userName%20eq%20%22mira@contoso.example%22&count=5")
    body = {"Operations": [{"op": "Replace", "path": 'emails[type eq "work"].value', "value": "secret@x.y"}]}
    await http.request("PATCH", f"/Users/{mira['id']}", body, headers={"X-Api-Key": "k", "X-Trace": "trace-7"})
    patch, search, twice, made = await exchanges(admin)
    whole = json.dumps([patch, search, twice, made]).lower()
    for hidden in ("mira", "mate of", "m@x.y", "secret", "trace-7", "bearer", "authorization", "x-api-key"):
        assert hidden not in whole, hidden
    sent = json.loads(made["request"]["body"])
    assert (sent["active"], sent["emails"][0]["type"]) == (True, "work")
    assert json.loads(twice["request"]["body"])["userName"] == sent["userName"]
    assert f'userName eq "{sent["userName"]}"' in search["target"].replace("%20", " ").replace("%22", '"').replace(
        "%40", "@"
    )
    assert search["target"].endswith("count=5")
    assert json.loads(search["answer"]["body"])["totalResults"] == 1
    operation = json.loads(patch["request"]["body"])["Operations"][0]
    assert (operation["op"], operation["path"]) == ("Replace", 'emails[type eq "work"].value')
    assert patch["request"]["headers"]["x-trace"] == "***"
    error = json.loads(twice["answer"]["body"])
    assert (twice["status"], error["scimType"]) == (409, "uniqueness")
    assert (patch["target"], patch["credential"]) == (f"/Users/{mira['id']}", "key-vault")


async def test_values_are_shown_where_that_is_asked_for(admin: Manager, http: Http, clock: Clock) -> None:
    """The secret of the client is not."""
    await started(admin, clock, values="plain")
    await http.request("POST", "/Users", content=b'{"userName": "mira", }')
    (found,) = await exchanges(admin)
    assert found["request"]["body"] == '{"userName": "mira", }'
    assert "authorization" not in json.dumps(found).lower()


async def test_there_is_an_end_to_it(admin: Manager, http: Http, clock: Clock, app: App) -> None:
    """By number, also where requests come at once; by time; and when somebody stops it."""
    await started(admin, clock, requests=3)
    await asyncio.gather(*(http.request("GET", f"/Users?count={number}") for number in range(8)))
    await app.capturing.flush()
    state = (await admin.ask("GET", PATH)).body
    assert (state["capture"]["taken"], state["capture"]["running"], len(state["exchanges"])) == (3, False, 3)
    await started(admin, clock)
    await http.request("GET", "/Users")
    stopped = await admin.ask("DELETE", PATH)
    assert stopped.body["capture"]["running"] is False
    await http.request("GET", "/Users")
    assert len(await exchanges(admin)) == 4, "at once in every process, and what was captured stays"


async def test_what_is_captured_goes_after_a_day(admin: Manager, http: Http, clock: Clock, app: App) -> None:
    """With every row of it, also pieces without a head."""
    await started(admin, clock)
    await http.request("GET", "/Users")
    time = int(clock().timestamp() * 1000)
    await app.tenant.commit([Insert(keys.piece(time, "0" * 16, 0), "left by a crash")])
    clock.forward(hours=23)
    await app.rounds.run()
    assert len(await exchanges(admin)) == 1
    clock.forward(hours=2)
    await app.rounds.run()
    assert await app.tenant.under("q.") == []
    assert (await admin.ask("GET", PATH)).body["capture"] is None


async def test_large_bodies_are_kept_in_pieces_and_larger_ones_are_cut(
    admin: Manager, http: Http, clock: Clock, rows: RecordingRows
) -> None:
    """Each piece fits a row, the head comes last; what is cut says that it is no use for a replay."""
    await started(admin, clock, values="plain")
    content = b'{"schemas": [], "members": "' + b"x" * (3 * PIECE) + b'"}'
    rows.forget()
    await http.request("POST", "/Groups", content=content)
    written = [[change.key[:4] for change in commit] for commit in rows.commits]
    assert written[-4:] == [["q.p."], ["q.p."], ["q.p."], ["q.p.", "q.h.", "s.ca"]]
    (found,) = await exchanges(admin)
    assert found["request"]["body"].encode() == content
    assert found["replayable"]
    await http.request("POST", "/Groups", content=b"[" + b"1," * 600_000 + b"1]")
    cut = (await exchanges(admin))[0]
    assert (len(cut["request"]["body"]), cut["bytesSent"], cut["replayable"]) == (2**20, 1_200_003, False)


async def test_reading_the_feed_fills_no_capture(admin: Manager, http: Http, clock: Clock, app: App) -> None:
    """Who polls each second would else have taken it all in a quarter of an hour; what fails is kept."""
    await started(admin, clock)
    reader = await client(app, "scim", "read")
    assert (await reader.request("GET", "/events")).status == 200
    assert (await reader.request("GET", "/events?after=nothing")).status == 400
    await http.request("GET", "/Users")
    assert [(each["target"].partition("?")[0], each["status"]) for each in await exchanges(admin)] == [
        ("/Users", 200),
        ("/events", 400),
    ]


async def test_only_whoever_is_let_in_is_captured(admin: Manager, app: App, clock: Clock) -> None:
    """A guesser must not use up the requests that somebody waits for."""
    await started(admin, clock)
    await Http(app, "wrong-token-of-somebody").request("GET", "/Users")
    assert await exchanges(admin) == []


async def test_no_answer_is_changed_by_a_capture_that_cannot_be_written(
    admin: Manager, http: Http, clock: Clock, rows: RecordingRows, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """It is logged, and what it had is lost."""
    await started(admin, clock)
    committed = rows.commit

    async def refuses(partition: str, changes: Any, mark: str = "") -> list[str]:
        if any(change.key.startswith("q.") for change in changes):
            raise Unavailable("The storage does not answer.")
        return await committed(partition, changes, mark)

    monkeypatch.setattr(rows, "commit", refuses)
    assert (await http.request("POST", "/Users", {"userName": "mira"})).status == 201
    assert "a request is not captured" in caplog.text


async def test_no_answer_waits_for_a_capture_that_hangs(
    admin: Manager, http: Http, clock: Clock, rows: RecordingRows, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what comes while too much is being written is left out, so that memory has a bound."""
    await started(admin, clock)
    released, committed = asyncio.Event(), rows.commit

    async def hangs(partition: str, changes: Any, mark: str = "") -> list[str]:
        if any(change.key.startswith("q.") for change in changes):
            await released.wait()
        return await committed(partition, changes, mark)

    monkeypatch.setattr(rows, "commit", hangs)
    monkeypatch.setattr(capturing, "WAIT_SECONDS", 0.0)
    for _ in range(capturing.AT_ONCE + 4):
        assert (await http.request("GET", "/Users")).status == 200
    released.set()
    await app.capturing.flush()
    assert len(await exchanges(admin)) == capturing.AT_ONCE


@pytest.mark.parametrize("damaged", ["head", "piece", "missing", "capture", "record"])
async def test_damage_spoils_nothing_but_itself(
    admin: Manager, http: Http, clock: Clock, app: App, damaged: str
) -> None:
    """An exchange of which a row cannot be read is not shown; the others are, and SCIM goes on."""
    await started(admin, clock)
    await http.request("GET", "/Users?count=1")
    await http.request("GET", "/Users?count=2")
    prefix = {"head": keys.CAPTURED, "capture": keys.CAPTURE}.get(damaged, keys.PIECES)
    if damaged == "record":
        await app.registry.change_tenant("scim", lambda each: replace(each, capture="x"))
        clock.forward(seconds=10)
    else:
        row = (await app.tenant.range(prefix[:-1], prefix + keys.BEYOND, 1))[0]
        await app.tenant.commit([Delete(row.key) if damaged == "missing" else Replace(row.key, "x", row.version)])
    answer = await admin.ask("GET", PATH)
    assert answer.status == 200
    assert len(answer.body["exchanges"]) == (1 if damaged == "head" else 2)
    shown = [await admin.ask("GET", f"{PATH}/exchanges/{each['id']}") for each in answer.body["exchanges"]]
    statuses = sorted(each.status for each in shown)
    assert statuses == {"head": [200], "piece": [200, 404], "missing": [200, 404]}.get(damaged, [200, 200])
    assert (await http.request("GET", "/Users")).status == 200
    clock.forward(days=2)
    await app.rounds.run()
    assert await app.tenant.under("q.") == []


@pytest.mark.parametrize("left", ["damaged", "missing", "newer"])
async def test_what_was_captured_goes_whatever_has_become_of_the_word_of_it(
    admin: Manager, http: Http, clock: Clock, app: App, left: str
) -> None:
    """It is kept for a day; nobody who damages or repairs a row can make that longer."""
    await started(admin, clock, values="plain")
    await http.request("GET", "/Users")
    row = (await app.tenant.range("s.capturd", "s.capture~", 1))[0]
    body = {"damaged": "{", "newer": '{"form":2}'}.get(left, "")
    await app.tenant.commit([Delete(row.key) if left == "missing" else Replace(row.key, body, row.version)])
    await app.rounds.run()
    assert len(await exchanges(admin)) == 1
    assert await app.maintenance.due() is not None
    clock.forward(hours=25)
    await app.rounds.run()
    assert await app.tenant.under("q.") == []
    assert [each.body for each in [await app.tenant.read(keys.CAPTURE)] if each] == ([body] if left == "newer" else [])


async def test_what_a_newer_release_captures_is_not_for_this_one_to_change(
    admin: Manager, http: Http, clock: Clock, app: App
) -> None:
    """Neither its word nor an exchange; what this release has captured is shown beside it."""
    await started(admin, clock)
    await http.request("GET", "/Users?count=1")
    await http.request("GET", "/Users?count=2")
    head = (await app.tenant.range(keys.CAPTURED, keys.CAPTURED + keys.BEYOND, 1))[0]
    word = (await app.tenant.range("s.capturd", "s.capture~", 1))[0]
    for row in (head, word):
        await app.tenant.commit([Replace(row.key, '{"form":2}', row.version)])
    answer = await admin.ask("GET", f"{PATH}/exchanges/{head.key.removeprefix(keys.CAPTURED)}")
    assert (answer.status, "newer release" in answer.body["detail"]) == (500, True)
    for method in ("POST", "DELETE"):
        answer = await admin.ask(method, PATH)
        assert (answer.status, "newer release" in answer.body["detail"]) == (500, True)
    listed = (await admin.ask("GET", PATH)).body
    assert (listed["capture"], len(listed["exchanges"])) == (None, 1)
    assert [row.body for row in await app.tenant.read_all([head.key, word.key]) if row] == ['{"form":2}'] * 2


async def test_a_download_leaves_out_what_is_damaged(admin: Manager, http: Http, clock: Clock, app: App) -> None:
    """The others can be replayed."""
    await started(admin, clock)
    for number in range(3):
        await http.request("GET", f"/Users?count={number}")
    pieces = await app.tenant.range(keys.PIECES, keys.PIECES + keys.BEYOND, 3)
    for row, body in zip(pieces, ("{", '{"request":{"headers":{"a":7},"body":""},"answer":{}}'), strict=False):
        await app.tenant.commit([Replace(row.key, body, row.version)])
    saved = await admin.ask("GET", f"{PATH}/download")
    assert (saved.status, len(saved.body["exchanges"])) == (200, 1)
    assert "2 exchanges are left out" in saved.body["about"]


async def test_a_body_that_is_nested_without_end_is_saved_as_it_came(admin: Manager, http: Http, clock: Clock) -> None:
    """One such request would else keep everybody from the recording of all."""
    await started(admin, clock, values="plain")
    await http.request("POST", "/Users", content=b"[" * 100_000)
    saved = await admin.ask("GET", f"{PATH}/download")
    assert saved.status == 200
    assert saved.body["exchanges"][0]["content"] == "[" * 100_000


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"minutes": 61}, "1 to 60"),
        ({"minutes": 0}, "1 to 60"),
        ({"requests": 1_001}, "1 to 1,000"),
        ({"values": "all"}, "masked or plain"),
        ({"minutes": "5"}, "whole number"),
        ({"seconds": 5}, "not known"),
    ],
)
async def test_what_makes_no_sense_captures_nothing(admin: Manager, app: App, body: Any, detail: str) -> None:
    """With what to change."""
    answer = await admin.ask("POST", PATH, body)
    assert answer.status == 400
    assert detail in answer.body["detail"]
    assert await app.tenant.read(keys.CAPTURE) is None


async def test_who_captures_is_in_the_audit(admin: Manager, app: App, clock: Clock) -> None:
    """With whether values were asked for."""
    await started(admin, clock, values="plain", minutes=5)
    (row,) = (await (await operator(app)).ask("GET", "/audit")).body["actions"]
    assert (row["action"], row["given"]) == ("StartCapture", {"values": "plain", "minutes": 5})


@pytest.mark.parametrize("values", ["masked", "plain"])
async def test_what_was_captured_can_be_replayed(
    admin: Manager, http: Http, clock: Clock, tmp_path: Path, values: str
) -> None:
    """Against an empty directory, by the runner of the recorded clients, with who was there before."""
    omar, old = await http.user("omar", title="Mate"), await http.group("Old")
    await started(admin, clock, values=values)
    named = {"externalId": "E-1", "name": {"familyName": "Vance"}}
    mira = await http.created("/Users", userName="mira@contoso.example", **named)
    user, team = f"/Users/{mira['id']}", await http.group("Team", mira["id"], omar["id"])
    await http.request("POST", "/Users", {"userName": "mira@contoso.example"})
    await http.request("GET", "/Users?filter=userName%20eq%20%22mira@contoso.example%22")
    disable = {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
    version = {"If-Match": (await http.request("GET", user)).body["meta"]["version"]}
    for _ in range(2):
        await http.request("PATCH", user, disable, headers=version)
    leave = {"Operations": [{"op": "remove", "path": f'members[value eq "{omar["id"]}"]'}]}
    assert (await http.request("PATCH", f"/Groups/{team['id']}", leave)).status == 204
    await http.request("GET", f"/Users/{omar['id']}")
    await http.request("GET", f"/Groups/{old['id']}")
    await http.request("GET", f"/Users/{'e' * 32}")
    await http.request("DELETE", user)
    await http.request("GET", user)
    saved = await admin.ask("GET", f"{PATH}/download")
    assert saved.headers["Content-Disposition"] == 'attachment; filename="capture-scim.json"'
    assert len(saved.body["exchanges"]) == 13
    statuses = [each["status"] for each in saved.body["exchanges"]]
    assert statuses == [201, 201, 409, 200, 200, 200, 412, 204, 200, 200, 404, 204, 404]
    file = tmp_path / "capture.json"
    file.write_text(json.dumps(saved.body))
    fresh = make_app(RecordingRows(), clock)
    await served(Http(fresh), file)
    await fresh.close()
    broken = {**saved.body, "exchanges": saved.body["exchanges"][1:]}
    file.write_text(json.dumps(broken))
    other = make_app(RecordingRows(), clock)
    with pytest.raises(AssertionError):
        await served(Http(other), file)
    await other.close()


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("mira@contoso.example", r"x[0-9a-f]{10}@masked\.example"),
        ("1C5E4B1E-38A2-4D2C-9D8F-0B8C2E7D1A11", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("https://contoso.example/mira.png", r"https://masked\.example/[0-9a-f]{10}"),
        ("Mira Vance", r"x[0-9a-f]{10}"),
        ("True", "True"),
        ("", ""),
        ("a" * 32, "a" * 32),
    ],
)
def test_a_mask_keeps_the_shape(value: str, form: str) -> None:
    """So that a service judges what is masked as it has judged the value."""
    masked = Masking("salt").text(value)
    assert re.fullmatch(form, masked)
    assert masked == Masking("salt").text(value)
    assert value == masked or masked != Masking("other").text(value)
