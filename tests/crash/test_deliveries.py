"""Delivery to a webhook, interrupted in each way at each call to store and receiver: each event comes, in order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scim.protocol.errors import Unavailable
from scim.storage.sqlite import SqliteRows
from scim.webhooks.delivery import SKIPPED_AFTER
from scim.webhooks.webhook import WebhookRows
from tests.crash.faults import Crash, Fault, FaultyRows, at_each_call
from tests.crash.hooks import KEY, LATER, SIGNS, Receiver, Told, delivered_at_last, delivery, events, make_webhook
from tests.crash.world import Client, copy_of, make_app, user_body

Signs = Mapping[str, Any]


@dataclass
class Case:
    """A webhook, and what it wants to be told."""

    name: str
    chosen: Mapping[str, Any] = field(default_factory=dict)
    wanted: Sequence[Told] = field(default_factory=lambda: events(1, 2, 3, 4, 5))
    replays: bool = False


TOKENS = {"form": "security-event", "issuer": "https://scim.example/scim/v2", "session_revoked": "scim"}
CASES = [
    Case("all events"),
    Case("some types", {"types": ("user.updated",)}, events(2)),
    Case("events that were skipped and are wanted again", {"on_failure": "skip"}, replays=True),
    Case("tokens, two of the last event", TOKENS, [*events(1, 2, 3, 4, 5), (5, "session")]),
]


async def begun(rows: SqliteRows, case: Case, signs: Signs) -> None:
    """Make a webhook and five events behind it, of which the last one ends sessions."""
    webhook = await make_webhook(rows, signs, **case.chosen)
    client = Client(make_app(rows, "client"))
    user = await client.create("/Users", user_body(1))
    await client.patch(f"/Users/{user}", {"op": "replace", "path": "title", "value": "Boss"})
    await client.create("/Groups", {"displayName": "crew", "members": [{"value": user}]})
    await client.send("DELETE", f"/Users/{user}")
    if case.replays:
        await skipped(rows, webhook)


async def skipped(rows: SqliteRows, webhook: str) -> None:
    """Let the first two events fail until they are skipped, and ask for them again."""

    async def fail(_: str) -> None:
        raise Unavailable("the receiver is away")

    for attempt in range(2 * SKIPPED_AFTER):
        app = make_app(rows, f"skipping {attempt}", hours=attempt * LATER, webhook_key=KEY)
        await delivery(app, Receiver(), fail).run(1000.0)
    assert await WebhookRows(app.tenant).skipped(webhook, 10) == [1, 2]
    await (await app.webhooks()).replay(webhook)


class Interrupted:
    """A process that delivers and meets one fault, at the call of a given number to the store or to the receiver."""

    def __init__(self, rows: SqliteRows, receiver: Receiver, fault: Fault | None, at: int, signs: Signs) -> None:
        self._rows = FaultyRows(rows, fault, at)
        self._receiver, self._fault, self._signs = receiver, fault, signs
        self._fails = False

    async def run(self) -> list[str]:
        """Deliver, and return of what kind each call was."""
        app = make_app(self._rows, "interrupted", hours=2 * SKIPPED_AFTER * LATER, **self._signs)
        try:
            await delivery(app, self._receiver, self._fate).run(1000.0)
        except (Crash, Unavailable):
            assert self._fault is not None
        return self._rows.kinds

    async def _fate(self, at: str) -> None:
        if at == "send":
            self._fails = self._rows._enter("send")
        elif self._fails and self._fault is Fault.CRASH_AFTER:
            self._rows._dead = True
            raise Crash
        elif self._fails and self._fault is Fault.LOST:
            raise Unavailable("the answer was lost")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_each_event_comes_whatever_happens(
    case: Case, signing_key: Path, count_cases: Callable[[str, int], None]
) -> None:
    """Also when the process dies between the receiver's answer and the note of it: then it comes again.

    What is noted as delivered does not.
    """
    start, signs = SqliteRows(":memory:"), {**SIGNS, "signing_key": signing_key}
    try:
        await begun(start, case, signs)
        calls = await played(start, case, None, 0, signs)
        assert {"read", "commit", "send"} <= set(calls)
        cases = await at_each_call(calls, lambda fault, at: played(start, case, fault, at, signs))
    finally:
        start._db.close()
    count_cases("crash cases", cases)


async def played(start: SqliteRows, case: Case, fault: Fault | None, number: int, signs: Signs) -> list[str]:
    """Interrupt a delivery, finish it by another process, and judge; return of what kind its calls were."""
    receiver = Receiver()
    with copy_of(start) as rows:
        calls = await Interrupted(rows, receiver, fault, number, signs).run()
        open_ones, before = await still_open(rows), len(receiver.told)
        await delivered_at_last(rows, receiver, (2 * SKIPPED_AFTER + 1) * LATER, signs)
        receiver.check(case.wanted)
        assert set(receiver.numbers[before:]) <= open_ones, "what is noted as delivered comes again"
    return calls


async def still_open(rows: SqliteRows) -> set[int]:
    """Return the numbers of the events that the row of the webhook says are not delivered."""
    app = make_app(rows, "looking")
    [webhook] = await WebhookRows(app.tenant).all()
    behind = range(app.feed.number(webhook.cursor) + 1, 6)
    return {*behind, *await WebhookRows(app.tenant).skipped(webhook.id, 10)}
