"""A receiver of webhooks that the fates of a test reach, and what it must have got in the end."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import jwt

from scim.app import App
from scim.protocol.errors import Unavailable
from scim.storage.rows import Rows
from scim.webhooks.delivery import Delivery
from scim.webhooks.sender import Outcome, Sender
from scim.webhooks.webhook import WebhookRows
from tests.crash.world import make_app

KEY = "a-webhook-key-of-32-characters-and-more"
SIGNS: Mapping[str, Any] = {"webhook_key": KEY}
"""Settings by which events are signed."""
LATER = 26.0
"""Hours after which every lease is over and every attempt is due."""


Told = tuple[int, str]
"""The number of an event, and what of several things that it makes is told."""


class Receiver:
    """Notes of each request that reaches it the number of the event, and which of its tokens it has."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    @property
    def numbers(self) -> list[int]:
        """The numbers of the events."""
        return [number for number, _ in self.told]

    def take(self, headers: Mapping[str, str], body: bytes) -> None:
        """Note an event, or a token."""
        if headers.get("content-type") != "application/secevent+jwt":
            self.told.append((json.loads(body)["sequence"], ""))
            return
        named = jwt.decode(body.decode(), options={"verify_signature": False})["jti"].split(".")
        self.told.append((int(named[1]), named[2].partition("-")[2].partition("-")[2]))

    def check(self, wanted: Sequence[Told]) -> None:
        """Assert that it got all that is wanted, each for the first time behind what is before it.

        A repeat is no harm.
        """
        first = list(dict.fromkeys(self.told))
        assert first == list(wanted), f"{first} in place of {wanted}"


def events(*numbers: int) -> list[Told]:
    """Return what is told of events, each of which makes one thing."""
    return [(number, "") for number in numbers]


class Line:
    """A way to the receiver, on which `fate` may raise a Crash, or Unavailable: before a request, or its answer."""

    def __init__(self, receiver: Receiver, fate: Callable[[str], Awaitable[None]]) -> None:
        self._receiver, self._fate = receiver, fate

    async def __aenter__(self) -> "Line":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Bring an event to the receiver."""
        try:
            await self._fate("send")
            self._receiver.take(headers, body)
            await self._fate("answer")
        except Unavailable as error:
            return Outcome(0, error.detail)
        return Outcome(204)


def delivery(app: App, receiver: Receiver, fate: Callable[[str], Awaitable[None]]) -> Delivery:
    """Return what delivers to the webhooks of the default tenant, over a line with a fate."""
    line = Line(receiver, fate)
    return Delivery(app.tenant, app.feed, app.webhook_keys, app.signing_keys, lambda: cast(Sender, line))


async def certain(_: str) -> None:
    """Let every request arrive and every answer come."""


async def make_webhook(rows: Rows, signs: Mapping[str, Any] = SIGNS, **further: Any) -> str:
    """Return the id of a new webhook, which gets what happens from now on."""
    app = make_app(rows, "webhook maker", **signs)
    made = await (await app.webhooks()).create("http://127.0.0.1:9/", **further)
    return str(made["id"])


async def delivered_at_last(
    rows: Rows, receiver: Receiver, hours: float = LATER, signs: Mapping[str, Any] = SIGNS
) -> None:
    """Deliver on from wherever others were interrupted, in a process of its own and later, until nothing is left."""
    while True:
        app = make_app(rows, f"last delivery {hours}", hours=hours, **signs)
        deliverer = delivery(app, receiver, certain)
        await deliverer.run(1000.0)
        await app.feed.publish()
        due = await deliverer.due()
        if due is None:
            break
        assert hours < 27 * LATER, f"nobody delivers what is due at {due}"
        hours += LATER
    head, _ = await app.feed.head()
    for each in await WebhookRows(app.tenant).all():
        assert each.enabled, each.why_disabled
        assert app.feed.number(each.cursor) == head.last
