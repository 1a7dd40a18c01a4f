"""What a thousand tenants on one instance cost: `python -m bench.tenants`, on Azurite or with --sqlite in memory."""

import argparse
import asyncio
import gc
import sys
import time
import tracemalloc
from typing import Any

from scim.app import App, build
from scim.service.messages import Request
from scim.settings import Settings
from tests.azurite import running

HOST = "https://bench.example"
TOKEN = "a-token-that-only-the-bench-knows"  # noqa: S105 - made up


async def ask(app: App, key: str, token: str) -> None:
    """Send one request, which must be answered."""
    headers = {"authorization": f"Bearer {token}"}
    response = await app.endpoints.respond_anywhere(Request("GET", f"{HOST}/{key}/v2/Users?count=0", headers))
    if response.status != 200:
        raise RuntimeError(f"a tenant answered {response.status}")


async def measured(storage: str, count: int) -> dict[str, Any]:
    """Return the figures of so many tenants, each asked once, most of them idle then."""
    app = build(Settings(storage, (TOKEN,)))
    start = time.perf_counter()
    made = [await app.administration.create(f"tenant {number}") for number in range(count)]
    created = time.perf_counter() - start
    await ask(app, made[0][0].key, made[0][1].secret)  # what every process imports and opens once
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    start = time.perf_counter()
    for record, first in made:
        await ask(app, record.key, first.secret)
    asked = time.perf_counter() - start
    await app.admission.close()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    start = time.perf_counter()
    await app.rounds.run()
    ran = time.perf_counter() - start
    await app.close()
    return {
        "ms to make a tenant and its token": created / count * 1000,
        "ms of the first request of a tenant": asked / count * 1000,
        "kB that a tenant leaves in memory": (after - before) / count / 1000,
        "ms of a run of the timer, all idle": ran * 1000,
    }


def main(arguments: list[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--tenants", type=int, default=1000)
    options = parser.parse_args(arguments)
    if options.sqlite:
        figures = asyncio.run(measured("sqlite::memory:", options.tenants))
    else:
        with running() as azurite:
            figures = asyncio.run(measured(azurite, options.tenants))
    for name, value in figures.items():
        sys.stdout.write(f"{name}: {value:.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
