"""Fetching of tokens, interrupted in each way at each call to the store and at each answer: each is had, as one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scim.app import App
from scim.protocol.errors import Unavailable
from scim.security_events.stream import Stream, StreamRows
from scim.storage.sqlite import SqliteRows
from tests.conftest import BASE_URL, Http
from tests.crash.faults import Crash, Fault, FaultyRows, at_each_call
from tests.crash.world import Client, copy_of, make_app, user_body

EVENTS = {1, 2, 3, 4, 5}
POLLS = 8
"""Of a receiver whose service is interrupted once: so many that all has been acknowledged in the end."""


@dataclass
class Receiver:
    """Keeps tokens by their `jti`, and acknowledges each with its next poll, until that is answered.

    It acknowledges the last of an answer first: tokens are acknowledged out of their order.
    """

    stream: Mapping[str, Any]
    kept: dict[str, int] = field(default_factory=dict)
    to_acknowledge: list[str] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    """What was acknowledged with success."""

    async def poll(self, app: App, answers: Callable[[], None] = lambda: None) -> None:
        """Poll once; `answers` may keep the answer from arriving."""
        said, self.to_acknowledge = self.to_acknowledge, self.to_acknowledge[1:]
        asked = {"maxEvents": 2, "returnImmediately": True, "ack": said[:1]}
        path = self.stream["url"].removeprefix(self.stream["issuer"])
        try:
            answer = await Http(app, self.stream["secretToken"]).request("POST", path, asked)
            answers()
            if answer.status == 503:
                raise Unavailable("there was no answer")
        except (Crash, Unavailable):
            self.to_acknowledge = said
            raise
        assert answer.status == 200, answer.body
        self.answered |= {*said[:1]}
        assert not self.answered & answer.body["sets"].keys(), "what is acknowledged comes again"
        self._keep(list(answer.body["sets"]))

    def _keep(self, tokens: list[str]) -> None:
        for each in reversed(tokens):
            self.kept[each] = int(each.split(".")[1])
            if each not in self.to_acknowledge:
                self.to_acknowledge.append(each)


async def begun(rows: SqliteRows, signing_key: Path) -> Mapping[str, Any]:
    """Make a stream and five events behind it."""
    app = make_app(rows, "stream maker", signing_key=signing_key)
    stream: Mapping[str, Any] = await (await app.streams()).create(BASE_URL, wait=0)
    client = Client(app)
    user = await client.create("/Users", user_body(1))
    await client.patch(f"/Users/{user}", {"op": "replace", "path": "title", "value": "Boss"})
    await client.create("/Groups", {"displayName": "crew", "members": [{"value": user}]})
    await client.send("DELETE", f"/Users/{user}")
    return stream


async def noted(rows: SqliteRows) -> set[int]:
    """Return the numbers of the events that the row of the stream says are acknowledged."""
    app = make_app(rows, "looking")
    stream: Stream = (await StreamRows(app.tenant).all())[0]
    return {*range(1, app.feed.number(stream.cursor) + 1), *stream.acknowledged}


async def interrupted(
    rows: SqliteRows, receiver: Receiver, fault: Fault | None, at: int, signing_key: Path
) -> list[str]:
    """Poll until the fault has come, at a call to the store or at an answer; return of what kind each call was."""
    faulty = FaultyRows(rows, fault, at)
    app = make_app(faulty, "interrupted", signing_key=signing_key)

    def answers() -> None:
        if faulty._enter("answer"):
            raise Unavailable("the answer was lost")

    try:
        for _ in range(POLLS):
            await receiver.poll(app, answers)
    except (Crash, Unavailable):
        assert fault is not None
    return faulty.kinds


async def played(
    start: SqliteRows, stream: Mapping[str, Any], fault: Fault | None, at: int, signing_key: Path
) -> list[str]:
    """Interrupt a receiver's polls once, let another process answer the others, and judge."""
    receiver = Receiver(stream)
    with copy_of(start) as rows:
        calls = await interrupted(rows, receiver, fault, at, signing_key)
        acknowledged, had = await noted(rows), set(receiver.kept)
        assert acknowledged <= set(receiver.kept.values()), "noted as acknowledged, and never had"
        app = make_app(rows, "afterwards", signing_key=signing_key)
        for _ in range(POLLS):
            await receiver.poll(app)
        new = {receiver.kept[each] for each in receiver.kept.keys() - had}
        assert not new & acknowledged, "an event is told by another token than the one that was acknowledged"
        assert sorted(receiver.kept.values()) == sorted(EVENTS), "each event is one token, and none is lost"
        assert await noted(rows) == EVENTS
    return calls


async def test_each_token_is_had_whatever_happens(signing_key: Path, count_cases: Callable[[str, int], None]) -> None:
    """What was not acknowledged comes again, as the same token; what was, and is noted, does not."""
    start = SqliteRows(":memory:")
    try:
        stream = await begun(start, signing_key)
        calls = await played(start, stream, None, 0, signing_key)
        assert {"read", "commit", "answer"} <= set(calls)
        cases = await at_each_call(calls, lambda fault, at: played(start, stream, fault, at, signing_key))
    finally:
        start._db.close()
    count_cases("crash cases", cases)


async def test_what_expires_is_counted_once_whatever_happens(
    signing_key: Path, count_cases: Callable[[str, int], None]
) -> None:
    """A timer that dies while it drops tokens that nobody has acknowledged is followed by one that counts no more."""
    start = SqliteRows(":memory:")
    try:
        stream = await begun(start, signing_key)
        app = make_app(start, "reader", signing_key=signing_key)
        receiver = Receiver(stream)
        await receiver.poll(app)
        await receiver.poll(app)
        assert await noted(start) == {2}
        calls = await expired(start, None, 0)
        cases = await at_each_call(calls, lambda fault, at: expired(start, fault, at))
    finally:
        start._db.close()
    count_cases("crash cases", cases)


async def expired(start: SqliteRows, fault: Fault | None, at: int) -> list[str]:
    """Let all events expire by a timer that is interrupted, and one after it."""
    month = 31 * 24.0
    with copy_of(start) as rows:
        faulty = FaultyRows(rows, fault, at)
        try:
            await make_app(faulty, "timer", month).maintenance.run()
        except (Crash, Unavailable):
            assert fault is not None
        await make_app(rows, "next timer", month).maintenance.run()
        app = make_app(rows, "looking", month)
        [stream] = await StreamRows(app.tenant).all()
        assert stream.dropped == len(EVENTS) - 1, f"call {at}: {fault}"
        assert app.feed.number(stream.cursor) == max(EVENTS)
    return faulty.kinds
