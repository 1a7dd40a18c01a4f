"""A service in memory with a clock and ids of its own, and a client that calls it as a host would."""

import itertools
import json as jsonlib
import math
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from scim.access.credential import WITHOUT_ROWS
from scim.app import App, build
from scim.directory.tenant import Tenant
from scim.service.messages import Request
from scim.settings import Settings
from scim.storage.rows import Rows
from tests.recording import RecordingRows

TOKEN = "a-token-that-only-tests-know"
HOST = "https://scim.example"
BASE_URL = f"{HOST}/scim/v2"


FROM_THE_TERMINAL = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
FROM_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")


def pytest_configure() -> None:
    """Take away what the terminal and `make test` hand on, so that each way to start gives the same result.

    A shell has its jobs in the background ignore SIGINT, and every process that a test starts would, too.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in (*FROM_THE_TERMINAL, *FROM_MAKE):
        os.environ.pop(name, None)


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **step: float) -> None:
        """Move the time forward by the parts that a timedelta takes."""
        self.time += timedelta(**step)


class Answer(NamedTuple):
    """What a client gets: status, headers, and the JSON of the body (None without one)."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Http:
    """A client of the service that needs no network; it sends the token unless a header says otherwise."""

    def __init__(self, app: App, token: str = TOKEN, tenant: str = "scim") -> None:
        self._app, self._token, self._tenant = app, token, tenant

    async def request(
        self,
        method: str,
        path: str,
        json: Any = None,
        headers: Mapping[str, str | None] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Send a request to a path below the Tenant URL, percent-encoded as on the wire.

        A header that is None is not sent.
        """
        body = content if content is not None else b"" if json is None else jsonlib.dumps(json).encode()
        usual: dict[str, str | None] = {"authorization": f"Bearer {self._token}", "user-agent": "tests"}
        chosen = usual | {name.lower(): value for name, value in (headers or {}).items()}
        sent = {name: value for name, value in chosen.items() if value is not None}
        response = await self._app.endpoints.respond_anywhere(
            Request(method, f"{HOST}/{self._tenant}/v2{path}", sent, body, "request-1")
        )
        content = response.content()
        return Answer(response.status, response.headers, jsonlib.loads(content) if content else None)

    async def created(self, path: str, **attributes: Any) -> Any:
        """Create a resource that must be created, and return it as the service answers."""
        answer = await self.request("POST", path, attributes)
        assert answer.status == 201, answer.body
        return answer.body

    async def user(self, name: str, **attributes: Any) -> Any:
        """Create a user of that name; see `created`."""
        return await self.created("/Users", userName=f"{name}@contoso.example", **attributes)

    async def group(self, name: str, *members: str) -> Any:
        """Create a group of that name, whose members have these ids; see `created`."""
        return await self.created("/Groups", displayName=name, members=[{"value": each} for each in members])


def make_app(rows: Rows, clock: Clock, **settings: Any) -> App:
    """Return a service over rows, whose ids count upwards and whose writers never wait for each other.

    It keeps no journal unless a test asks for one: tests count the calls and the rows of what a request does itself.
    """
    settings = {"journal": False, **settings}
    numbers = itertools.count(1)

    async def no_pause(_: float) -> None:
        return None

    tenant = Tenant(rows, "scim", now=clock, new_id=lambda _: f"{next(numbers):032x}", pause=no_pause, rest=no_pause)
    return unnoted(build(Settings(storage="sqlite::memory:", token=(TOKEN,), **settings), tenant))


def unnoted(app: App) -> App:
    """Return the service, which notes no day of last use of its tokens: that is done beside requests, and is a call."""
    app.admission._used.update(dict.fromkeys(WITHOUT_ROWS, math.inf))
    return app


@pytest.fixture
def clock() -> Clock:
    """The clock of the service."""
    return Clock()


@pytest.fixture
async def rows() -> AsyncIterator[RecordingRows]:
    """An empty store in memory, which remembers calls."""
    made = RecordingRows()
    yield made
    await made.close()


@pytest.fixture
async def app(rows: Rows, clock: Clock) -> AsyncIterator[App]:
    """The service over the store."""
    made = make_app(rows, clock)
    yield made
    await made.close()


@pytest.fixture
def http(app: App) -> Http:
    """A client of the service."""
    return Http(app)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums of what tests have counted with `record_property("count of ...")`, on whichever worker."""
    sums: Counter[str] = Counter()
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, value in getattr(report, "user_properties", ()):
            if name.startswith("count of ") and report.when == "call":
                sums[name.removeprefix("count of ")] += int(str(value))
    for sort, count in sums.items():
        terminalreporter.write_line(f"{sort}: {count:,}")
