"""`python -m bench.noisy`: what a tenant feels of another one that sends ten times as much as its limit allows.

The service alone in one process and one event loop, without a host and its sockets, over a store that answers after
some milliseconds as one in the network does. The quiet tenant is asked as Entra asks, 25 times a second, the noisy one
a thousand times; windows with noise and without take turns, since a machine that is shared gets faster and slower.
"""

import argparse
import asyncio
import secrets
import statistics
import sys
import time
from collections import Counter

from scim.app import App, build
from scim.directory.tenant import Tenant
from scim.service.failures import Failures
from scim.service.messages import Request
from scim.settings import Settings
from scim.storage.rows import Row
from scim.storage.sqlite import SqliteRows

QUIET = 25.0
NOISE = 1_000.0
"""Requests a second: ten times the default of SCIM_RATE."""
TOKEN = secrets.token_hex(16)
FAILURES = Failures()
QUERY = "/Users?filter=userName%20eq%20%22nobody@contoso.example%22"


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


async def _ask(app: App, key: str, token: str) -> tuple[int, float]:
    began = time.perf_counter()
    headers = {"authorization": f"Bearer {token}", "user-agent": "bench"}
    request = Request("GET", f"http://127.0.0.1/{key}/v2{QUERY}", headers, b"", "bench", "192.0.2.1", FAILURES)
    response = await app.endpoints.respond_anywhere(request)
    response.content()
    return response.status, (time.perf_counter() - began) * 1000


async def paced(app: App, key: str, token: str, rate: float, seconds: float) -> list[tuple[int, float]]:
    """Ask so many times a second, whether or not the earlier ones were answered; return statuses and milliseconds."""
    begin, sent = time.perf_counter(), []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(begin + number / rate - time.perf_counter(), 0))
        sent.append(asyncio.create_task(_ask(app, key, token)))
    return list(await asyncio.gather(*sent))


def p95(found: list[tuple[int, float]]) -> float:
    """Return the milliseconds that one in twenty takes longer than. All must have been answered with 200."""
    assert {status for status, _ in found} == {200}, Counter(status for status, _ in found)  # noqa: S101
    return statistics.quantiles([each for _, each in found], n=20)[-1]


async def measure(windows: int, seconds: float, distance: float) -> None:
    """Print the p95 of the quiet tenant, in windows with noise and without."""
    app = build(Settings("sqlite::memory:", (TOKEN,), concurrent=50), Tenant(Distant(distance)))
    record, first = await app.administration.create("quiet")
    await paced(app, record.key, first.secret, QUIET, 2)
    times: dict[bool, list[float]] = {False: [], True: []}
    answers: Counter[int] = Counter()
    for number in range(2 * windows):
        noisy = number % 2 == 1
        other = asyncio.create_task(paced(app, "scim", TOKEN, NOISE if noisy else 0, seconds))
        times[noisy].append(p95(await paced(app, record.key, first.secret, QUIET, seconds)))
        answers += Counter(status for status, _ in await other)
    alone, beside = statistics.median(times[False]), statistics.median(times[True])
    sys.stdout.write(f"p95 alone {alone:.1f} ms, beside the noise {beside:.1f} ms, ratio {beside / alone:.2f}\n")
    sys.stdout.write(f"the noise was answered {dict(answers)}\n")
    await app.close()


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=5, help="of each kind")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--milliseconds", type=float, default=5, help="until the store answers a read")
    asked = parser.parse_args()
    asyncio.run(measure(asked.windows, asked.seconds, asked.milliseconds / 1000))


if __name__ == "__main__":
    main()
