"""`python -m bench.noisy`: what a tenant feels of another one that sends ten times as much as its limit allows.

The service alone in one process and one event loop, without a host and its sockets, over a store that answers after
some milliseconds as one in the network does. The quiet tenant is asked as Entra asks, 25 times a second, the noisy one
a thousand times; windows with noise and without take turns. Time is the processor time of this process, and what it
waits is left out and counted (`Own`): what other programs do with the processor meanwhile changes no figure. With
`--wall` it is the time of a clock, for a machine that does nothing else.
"""

import argparse
import asyncio
import itertools
import json
import logging
import secrets
import selectors
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from scim.app import App, build
from scim.directory.tenant import Tenant
from scim.service import routes
from scim.service.messages import Request
from scim.settings import Settings
from scim.storage.rows import Row
from scim.storage.sqlite import SqliteRows

QUIET = 25.0
NOISE = 1_000.0
"""Requests a second: ten times the default of SCIM_RATE."""
USERS = 300
TOKEN = secrets.token_hex(16)
KINDS = {
    "match": "filter=userName%20eq%20%22nobody@contoso.example%22",
    "create": "",
    "page of 10": "count=10",
    "page of 100": "count=100",
    "wrong token": "count=1",
}
"""What the noise asks for: the query of the users, or nothing for a POST. The quiet tenant asks for the first."""

_numbers = itertools.count()


class Own(asyncio.SelectorEventLoop):
    """An event loop whose time goes on with the processor time of this process, and jumps over each wait."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return time.process_time() + self._skipping.skipped


class _Skipping(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(None if timeout is None else 0)
        if not found and timeout:
            self.skipped += max(timeout, 0)
        return found


class Distant(SqliteRows):
    """Rows in memory that answer a read after so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(":memory:")
        self._distance = seconds

    async def read(self, partition: str, key: str) -> Row | None:
        await asyncio.sleep(self._distance)
        return await super().read(partition, key)

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        await asyncio.sleep(self._distance)
        return await super().range(partition, after, before, limit, keys_only)


def _clock() -> Callable[[], datetime]:
    """Return a clock that goes as the running loop does."""
    loop, now = asyncio.get_running_loop(), datetime.now(UTC)
    began = loop.time()
    return lambda: now + timedelta(seconds=loop.time() - began)


async def _ask(app: App, key: str, token: str, kind: str) -> tuple[int, float]:
    loop = asyncio.get_running_loop()
    began, method, body, query = loop.time(), "GET", b"", KINDS[kind]
    if not query:
        name = f"user{next(_numbers)}@contoso.example"
        method, body = "POST", json.dumps({"userName": name, "emails": [{"type": "work", "value": name}]}).encode()
    headers = {"authorization": f"Bearer {token}", "user-agent": "bench"}
    route, _ = routes.find(method, "Users") or (routes.ROUTES[0], {})
    request = Request(method, f"http://127.0.0.1/{key}/v2/Users?{query}", headers, body, "bench", "192.0.2.1")
    response = await app.endpoints.respond(request, route, {"tenant": key})
    response.content()
    return response.status, (loop.time() - began) * 1000


async def paced(app: App, key: str, token: str, kind: str, rate: float, seconds: float) -> list[tuple[int, float]]:
    """Ask so many times a second, whether or not the earlier ones were answered; return statuses and milliseconds."""
    loop = asyncio.get_running_loop()
    begin, sent = loop.time(), []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(begin + number / rate - loop.time(), 0))
        sent.append(asyncio.create_task(_ask(app, key, token, kind)))
    return list(await asyncio.gather(*sent))


def p95(found: list[tuple[int, float]]) -> float:
    """Return the milliseconds that one in twenty takes longer than. All must have been answered with 200."""
    assert {status for status, _ in found} == {200}, Counter(status for status, _ in found)  # noqa: S101
    return statistics.quantiles([each for _, each in found], n=20)[-1]


async def measure(kind: str, windows: int, seconds: float, distance: float) -> str:
    """Return the row of a table: the p95 of the quiet tenant alone, beside the noise, and the ratios of the windows."""
    app = build(Settings("sqlite::memory:", (TOKEN,), concurrent=50), Tenant(Distant(distance), now=_clock()))
    record, first = await app.administration.create("quiet")
    await asyncio.gather(*(_ask(app, "scim", TOKEN, "create") for _ in range(USERS)))
    await paced(app, record.key, first.secret, "match", QUIET, 3)
    times: dict[bool, list[float]] = {False: [], True: []}
    answers: Counter[int] = Counter()
    token = "wrong" if kind == "wrong token" else TOKEN
    for number in range(2 * windows):
        noisy = number % 2 == 1
        other = asyncio.create_task(paced(app, "scim", token, kind, NOISE if noisy else 0, seconds))
        times[noisy].append(p95(await paced(app, record.key, first.secret, "match", QUIET, seconds)))
        answers += Counter(status for status, _ in await other)
    await app.close()
    ratios = [beside / alone for alone, beside in zip(times[False], times[True], strict=True)]
    served = sum(count for status, count in answers.items() if status < 400)
    return (
        f"| {kind} | {served / windows / seconds:.0f} | {statistics.median(times[False]):.1f}"
        f" | {statistics.median(times[True]):.1f} | {statistics.median(ratios):.2f}"
        f" | {min(ratios):.2f} to {max(ratios):.2f} |\n"
    )


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=5, help="of each kind")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--milliseconds", type=float, default=5, help="until the store answers a read")
    parser.add_argument("--wall", action="store_true", help="measure the time of a clock")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)  # lines on a terminal are not what the host does with them
    sys.stdout.write("| the noise | served a second | p95 alone, ms | p95 beside it, ms | ratio | of windows |\n")
    for kind in KINDS:
        with asyncio.Runner(loop_factory=None if asked.wall else Own) as runner:
            sys.stdout.write(runner.run(measure(kind, asked.windows, asked.seconds, asked.milliseconds / 1000)))


if __name__ == "__main__":
    main()
