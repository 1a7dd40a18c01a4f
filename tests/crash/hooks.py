"""A receiver of webhooks that the fates of a test reach, and what it must have got in the end."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from scim.app import App
from scim.protocol.errors import Unavailable
from scim.storage.rows import Rows
from scim.webhooks.delivery import Delivery
from scim.webhooks.sender import Outcome, Sender
from scim.webhooks.webhook import WebhookRows
from tests.crash.world import make_app

KEY = "a-webhook-key-of-32-characters-and-more"
LATER = 26.0
"""Hours after which every lease is over and every attempt is due."""


class Receiver:
    """Notes the number of each event that reaches it."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def check(self, wanted: list[int]) -> None:
        """Assert that it got each wanted event, for the first time behind those before it: a repeat is no harm."""
        first = list(dict.fromkeys(self.numbers))
        assert first == wanted, f"{first} in place of {wanted}"


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
            self._receiver.numbers.append(json.loads(body)["sequence"])
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


async def make_webhook(rows: Rows, types: tuple[str, ...] = (), on_failure: str = "stop") -> str:
    """Return the id of a new webhook, which gets what happens from now on."""
    app = make_app(rows, "webhook maker", webhook_key=KEY)
    made = await (await app.webhooks()).create("http://127.0.0.1:9/", types, on_failure)  # type: ignore[arg-type]
    return str(made["id"])


async def delivered_at_last(rows: Rows, receiver: Receiver, hours: float = LATER) -> None:
    """Deliver on from wherever others were interrupted, in a process of its own and later, until nothing is left."""
    while True:
        app = make_app(rows, f"last delivery {hours}", hours=hours, webhook_key=KEY)
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
