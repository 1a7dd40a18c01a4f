"""What the overview and the log of a tenant cost after a month of requests: `python -m bench.overview [--sqlite]`."""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scim.app import App, build
from scim.directory import keys
from scim.directory.entry import Entry
from scim.directory.hours import HOUR, Counts
from scim.directory.journal import MOST
from scim.protocol.resource import to_stored_json
from scim.service.messages import Request
from scim.settings import Settings
from scim.storage.rows import Insert, Row, Rows
from tests.azurite import running

TOKEN = "a-token-that-only-the-bench-knows"  # noqa: S105 - made up
DAYS = 30
TIMES = 9


class CountedRows:
    """A store that counts the calls and the rows that are read."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.calls = self.read_rows = 0
        self.commit, self.check, self.close = rows.commit, rows.check, rows.close

    async def read(self, partition: str, key: str) -> Row | None:
        self.calls, self.read_rows = self.calls + 1, self.read_rows + 1
        return await self._rows.read(partition, key)

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        found = await self._rows.range(partition, after, before, limit, keys_only)
        self.calls, self.read_rows = self.calls + 1, self.read_rows + len(found)
        return found


def entry(number: int, at: int) -> Entry:
    """Return a request as it is kept, one of twenty a failure."""
    failed = number % 20 == 0
    return Entry(
        *(
            "PatchUser",
            "PATCH",
            409 if failed else 200,
            "/Users/{id}",
            at,
            12.5,
            4,
            "key-vault",
            "Azure AD Provisioning",
        ),
        id=f"{number:032x}",
        name=f"user{number % 50_000}@contoso.example",
        scim_type="uniqueness" if failed else "",
        detail="Another User has this userName; choose another." if failed else "",
        attributes=("displayName", "title"),
        request=f"{number:032x}",
        changed=not failed,
    )


async def fill(app: App, requests: int, users: int) -> None:
    """Write a month of requests and its hours, and the counts of a directory."""
    now = int(app.tenant.now().timestamp() * 1000)
    step = DAYS * 24 * HOUR // requests
    rows: list[Insert] = []
    hours: dict[int, Counts] = {}
    for first in range(0, requests, MOST):
        entries = [entry(first + each, now - (first + each) * step) for each in range(MOST)]
        rows.append(Insert(keys.requests(entries[0].at, app.tenant.new_mark()), _body(entries)))
        start = entries[0].at // HOUR * HOUR
        hours[start] = hours.get(start, Counts()) + Counts.of(entries)
        if len(rows) == 50:
            await app.tenant.commit(rows)
            rows = []
    if rows:
        await app.tenant.commit(rows)
    others = [Insert(keys.hour(each, app.tenant.new_mark()), counts.body()) for each, counts in hours.items()]
    counted: list[Insert] = [
        Insert(f"c.{letter}.{part:02x}", str(users // 256)) for letter in "ug" for part in range(256)
    ]
    counted += [Insert(f"c.i.{part:x}", str(users // 160)) for part in range(16)]
    for written in (others, counted):
        for begin in range(0, len(written), 100):
            await app.tenant.commit(written[begin : begin + 100])
    while (await app.maintenance.run())["hoursMerged"]:
        pass  # as the timer does every five minutes


def _body(entries: Sequence[Entry]) -> str:
    return to_stored_json([each.kept() for each in entries])


async def asked(app: App, rows: CountedRows, token: str, path: str) -> tuple[float, float, int, int]:
    """Return the median and the longest milliseconds of an answer, and the calls and rows that it takes."""
    taken = []
    for _ in range(TIMES):
        rows.calls = rows.read_rows = 0
        start = time.perf_counter()
        headers = {"authorization": f"Bearer {token}"}
        answer = await app.management.respond(Request("GET", f"https://bench.example/manage/v1/{path}", headers))
        answer.content()
        taken.append((time.perf_counter() - start) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}")
    return statistics.median(taken), max(taken), rows.calls, rows.read_rows


async def measured(storage: str, requests: int) -> None:
    """Print the figures of one store."""
    app = build(Settings(storage, (TOKEN,), admin_token=(TOKEN,)))
    start = time.perf_counter()
    await fill(app, requests, 50_000)
    sys.stdout.write(f"{requests:,} requests over {DAYS} days, written in {time.perf_counter() - start:.0f} s\n")
    rows: Any = CountedRows(app.tenant.rows)
    object.__setattr__(app.tenant, "rows", rows)
    for what, path in {
        "overview": "tenants/scim/overview",
        "a page of the log": "tenants/scim/requests",
        "a page of failures": "tenants/scim/requests?status=failed",
        "a page of a search that finds nothing": "tenants/scim/requests?text=nobody-of-that-name",
    }.items():
        median, longest, calls, read = await asked(app, rows, TOKEN, path)
        sys.stdout.write(f"{what}: {median:.0f} ms, {longest:.0f} ms at most; {calls} calls, {read:,} rows\n")
    await app.close()


def main(arguments: list[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--sqlite", action="store_true", help="over a file of SQLite in place of Azurite")
    options = parser.parse_args(arguments)
    if options.sqlite:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(measured(f"sqlite:{Path(folder) / 'scim.db'}", options.requests))
        return 0
    with running() as storage:
        asyncio.run(measured(storage, options.requests))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
