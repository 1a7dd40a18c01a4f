"""Delivery to a webhook, interrupted in each way at each call to store and receiver: each event comes, in order."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from scim.protocol.errors import Unavailable
from scim.storage.sqlite import SqliteRows
from scim.webhooks.delivery import SKIPPED_AFTER
from scim.webhooks.webhook import WebhookRows
from tests.crash.faults import Crash, Fault, FaultyRows
from tests.crash.hooks import KEY, LATER, Receiver, delivered_at_last, delivery, make_webhook
from tests.crash.world import Client, copy_of, make_app, user_body


@dataclass
class Case:
    """A webhook, and the numbers of the events that it wants."""

    name: str
    types: tuple[str, ...] = ()
    on_failure: str = "stop"
    wanted: tuple[int, ...] = (1, 2, 3, 4, 5)
    replays: bool = False


CASES = [
    Case("all events"),
    Case("some types", types=("user.updated",), wanted=(2,)),
    Case("events that were skipped and are wanted again", on_failure="skip", replays=True),
]


async def begun(rows: SqliteRows, case: Case) -> None:
    """Make a webhook and five events behind it."""
    webhook = await make_webhook(rows, case.types, case.on_failure)
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

    def __init__(self, rows: SqliteRows, receiver: Receiver, fault: Fault | None, at: int) -> None:
        self._rows = FaultyRows(rows, fault, at)
        self._receiver, self._fault = receiver, fault
        self._fails = False

    async def run(self) -> list[str]:
        """Deliver, and return of what kind each call was."""
        app = make_app(self._rows, "interrupted", hours=2 * SKIPPED_AFTER * LATER, webhook_key=KEY)
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
async def test_each_event_comes_whatever_happens(case: Case, count_cases: Callable[[str, int], None]) -> None:
    """Also when the process dies between the receiver's answer and the note of it: then it comes again."""
    start = SqliteRows(":memory:")
    try:
        await begun(start, case)
        calls = await played(start, case, None, 0)
        assert {"read", "commit", "send"} <= set(calls)
        faults = [(number, fault) for number in range(1, len(calls) + 1) for fault in Fault]
        for number, fault in faults:
            try:
                await played(start, case, fault, number)
            except AssertionError as error:
                error.add_note(f"call {number} of {len(calls)} ({calls[number - 1]}): {fault.value}")
                raise
    finally:
        start._db.close()
    count_cases("crash cases", len(faults))


async def played(start: SqliteRows, case: Case, fault: Fault | None, number: int) -> list[str]:
    """Interrupt a delivery, finish it by another process, and judge; return of what kind its calls were."""
    receiver = Receiver()
    with copy_of(start) as rows:
        calls = await Interrupted(rows, receiver, fault, number).run()
        await delivered_at_last(rows, receiver, hours=(2 * SKIPPED_AFTER + 1) * LATER)
        receiver.check(list(case.wanted))
    return calls
