"""Plays over a busy store, each of which holds the service to promises; its clients repeat what is answered 503."""

import asyncio
import random
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from scim.app import App, build
from scim.azure.connections import Connections
from scim.azure.tables import TableRows
from scim.directory.maintenance import Maintenance
from scim.directory.tenant import Tenant
from scim.protocol.errors import Unavailable
from scim.settings import Settings
from scim.storage import deadline
from tests.azure.throttled.busy import ASKED, Asked, Busy, Manner, Spells
from tests.conftest import TOKEN, Answer, Http, unnoted
from tests.crash.replay import check_told
from tests.crash.world import FILTERABLE, PATCH_OP, START, findings

SECONDS = 60.0
"""The deadline of a request."""


class Jumping(selectors.SelectSelector):
    """A selector that lets time jump instead of waiting: nothing here is on the wire."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += timeout or 0.0
        return super().select(0)


def in_its_own_time(play: "Play") -> None:
    """Run a play on an event loop whose time passes only while everybody waits: it is the same play each time."""
    selector = Jumping()

    def make_loop() -> asyncio.AbstractEventLoop:
        loop = asyncio.SelectorEventLoop(selector)
        loop.time = lambda: selector.now  # type: ignore[method-assign]
        return loop

    random.seed(1)
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(play(lambda: selector.now))


class Outcome(NamedTuple):
    """What became of a request: the answer that was no 503, and how many were."""

    answer: Answer
    refusals: int


@dataclass
class Stage:
    """The service over a busy store, and clients that go on until they are answered."""

    app: App
    busy: Busy
    clock: Callable[[], float]
    waits: float = 5.0
    """Seconds that clients wait at most before they repeat a request, whatever they are asked for."""
    longest: float = 0.0
    unavailable: int = 0

    async def asked(self, method: str, path: str, body: Any = None) -> Outcome:
        """Send a request until its answer is not 503."""
        for refusals in range(1_000):
            answer = await self.once(method, path, body)
            if answer.status != 503:
                return Outcome(answer, refusals)
        raise AssertionError(f"{method} {path} is never answered")

    async def once(self, method: str, path: str, body: Any) -> Answer:
        """Return the answer to a request; after 503 the client has waited."""
        began, asked = self.clock(), Asked()
        token = ASKED.set(asked)
        try:
            with deadline.within(SECONDS, self.clock):
                answer = await Http(self.app).request(method, path, body)
        finally:
            asked.answered = True
            ASKED.reset(token)
            self.longest = max(self.longest, self.clock() - began)
        assert answer.status != 500, answer.body
        if answer.status == 503:
            self.unavailable += 1
            await asyncio.sleep(min(self.waits, float(answer.headers["Retry-After"])))
        return answer

    async def send(self, method: str, path: str, body: Any = None) -> Answer:
        return (await self.asked(method, path, body)).answer

    async def find(self, name: str) -> str | None:
        answer = await self.send("GET", f"/Users?filter=userName%20eq%20%22{name}%22")
        return next((str(each["id"]) for each in answer.body["Resources"]), None)

    async def create(self, name: str) -> str:
        """Create a user, or find it when a request whose answer was lost has created it."""
        answer = await self.send("POST", "/Users", {"userName": name})
        assert answer.status in (201, 409), answer.body
        return str(answer.body["id"]) if answer.status == 201 else str(await self.find(name))

    async def group(self, name: str, members: list[str]) -> str:
        body = {"displayName": name, "members": [{"value": each} for each in members]}
        return str((await self.send("POST", "/Groups", body)).body["id"])

    async def member(self, op: str, group: str, *users: str) -> None:
        answer = await self.send("PATCH", f"/Groups/{group}", members(op, *users))
        assert answer.status == 204, answer.body

    async def members(self, group: str) -> set[str]:
        found = await self.send("GET", f"/Groups/{group}")
        return {str(each["value"]) for each in found.body.get("members", [])}

    async def is_in(self, group: str, user: str) -> bool:
        found = await self.send("GET", f"/Users/{user}?attributes=groups")
        return group in [each["value"] for each in found.body.get("groups", [])]

    async def maintain(self, until: "asyncio.Future[Any]") -> None:
        """Let the timer run again and again until others are done."""
        tenant = self.app.tenants.default
        maintenance = Maintenance(
            self.app.tenant, self.app.directory.tombstones, self.app.feed, tenant.journal, 90, clock=self.clock
        )
        while not until.done():
            with suppress(Unavailable):  # as a run of the timer that fails: there will be another one
                await maintenance.run(60)
            await asyncio.sleep(5)
        self.busy.calm = True
        await maintenance.run()

    async def checked(self) -> None:
        """Assert what holds after every play: rows and feed are whole, and nobody waited or was asked for too long."""
        assert await findings(self.app.tenant.rows) == []
        await check_told(self.app.tenant.rows)
        assert self.longest <= SECONDS + 1, f"a client waited {self.longest:.0f} s"
        assert not self.busy.tally.orphans, "the store was asked for somebody who had been answered"


def members(op: str, *users: str) -> dict[str, Any]:
    """Return a PatchOp that adds or removes users."""
    operation = {"op": op, "path": "members", "value": [{"value": user} for user in users]}
    return {"schemas": [PATCH_OP], "Operations": [operation]}


Play = Callable[[Callable[[], float]], Coroutine[Any, Any, None]]


@asynccontextmanager
async def stage(clock: Callable[[], float], manner: Manner) -> AsyncIterator[Stage]:
    """Give a service over an empty store that is calm at first."""
    busy = Busy(clock, manner)
    rows = TableRows(Connections(lambda *_: busy), "scim", clock=clock)  # type: ignore[arg-type]
    ids = random.Random(1)
    tenant = Tenant(
        rows,
        now=lambda: START + timedelta(seconds=clock()),
        new_id=lambda begins: begins + f"{ids.getrandbits(128):032x}"[len(begins) :],
        new_mark=lambda: f"{ids.getrandbits(64):016x}",
    )
    settings = Settings(storage="sqlite::memory:", token=(TOKEN,), journal=False, filterable=FILTERABLE)
    made = Stage(unnoted(build(settings, tenant)), busy, clock)
    try:
        yield made
    finally:
        await busy.close()
        await made.app.close()


async def come_and_go(stage: Stage, seed: int, group: str, until: float) -> tuple[str, str | None, bool]:
    """Let a user be made, join, leave and be deleted; return its name, its id if it is there, whether it is in.

    Every other one is deleted most often before it has joined.
    """
    dice, name = random.Random(seed), f"guest{seed}"
    fickle = 0.8 if seed % 2 else 0.1
    user: str | None = None
    joined = False
    while stage.clock() < until:
        assert await stage.find(name) == user, f"{name} is not as it was left"
        if user is not None:
            assert await stage.is_in(group, user) == joined, f"{name} is not as it was left in the group"
        if user is None:
            user, joined = await stage.create(name), False
        elif dice.random() < fickle:
            assert (await stage.send("DELETE", f"/Users/{user}")).status in (204, 404)
            user, joined = None, False
        else:
            await stage.member("remove" if joined else "add", group, user)
            joined = not joined
        await asyncio.sleep(dice.uniform(0, 4))
    return name, user, joined


async def late(clock: Callable[[], float]) -> None:
    """Users come and go while commits are late and a large group is deleted: in the end all is as clients were told."""
    manner = Manner(late_share=0.05, stalls=Spells(40, 22))
    async with stage(clock, manner) as scene:
        crowd = [await scene.create(f"crowd{number}") for number in range(200)]
        doomed, crew = await scene.group("doomed", crowd), await scene.group("crew", [])
        scene.busy.begin()
        guests = [come_and_go(scene, seed, crew, clock() + 160) for seed in range(16)]
        playing = asyncio.gather(*guests)
        assert (await scene.send("DELETE", f"/Groups/{doomed}")).status in (204, 404)
        await scene.maintain(playing)
        await scene.busy.settle()
        ends = await playing
        assert {name: await scene.find(name) for name, _, _ in ends} == {name: user for name, user, _ in ends}
        assert await scene.members(crew) == {user for _, user, joined in ends if joined}
        assert (await scene.send("GET", f"/Groups/{doomed}")).status == 404
        assert scene.busy.tally.late > 50
        assert scene.unavailable > 10
        await scene.checked()


async def change_minds(stage: Stage, user: str, group: str, until: float) -> None:
    """Let a user join and leave, and do the opposite instead of repeating what was answered 503."""
    joined = False
    while stage.clock() < until:
        wanted, opposite = ("remove", "add") if joined else ("add", "remove")
        if (await stage.once("PATCH", f"/Groups/{group}", members(wanted, user))).status == 204:
            joined = not joined
        else:
            await stage.member(opposite, group, user)
        await asyncio.sleep(random.uniform(0, 4))
        assert await stage.is_in(group, user) == joined, "what was taken back has come all the same"


async def regretted(clock: Callable[[], float]) -> None:
    """Whoever waits as long as the service asks can take back what was answered 503, and be sure of it."""
    async with stage(clock, Manner(late_share=0.05, stalls=Spells(40, 22))) as scene:
        scene.waits = float("inf")
        crew, crowd = await scene.group("crew", []), [await scene.create(f"crowd{number}") for number in range(12)]
        scene.busy.begin()
        playing = asyncio.gather(*(change_minds(scene, each, crew, clock() + 300) for each in crowd))
        await scene.maintain(playing)
        await scene.busy.settle()
        await playing
        assert scene.unavailable > 10
        await scene.checked()


async def moved(clock: Callable[[], float]) -> None:
    """A partition that is away for ten seconds, again and again, is no outage: nobody is told 503."""
    async with stage(clock, Manner(away=Spells(30, 10))) as scene:
        crew = await scene.group("crew", [])
        scene.busy.begin()
        playing = asyncio.gather(*(come_and_go(scene, seed, crew, clock() + 90) for seed in range(8)))
        await scene.maintain(playing)
        ends = await playing
        assert await scene.members(crew) == {user for _, user, joined in ends if joined}
        assert scene.busy.tally.refused > 50
        assert not scene.unavailable
        await scene.checked()


async def refused(clock: Callable[[], float]) -> None:
    """Where all is refused for long, a 503 says the truth: nothing was done, and nothing is done for it any longer."""
    async with stage(clock, Manner(answer_seconds=0.1, away=Spells(30, 26))) as scene:
        crowd = [await scene.create(f"crowd{number}") for number in range(240)]
        doomed = [await scene.group(f"doomed{number}", crowd) for number in range(12)]
        crews = {await scene.group(f"crew{start}", []): crowd[start : start + 80] for start in range(0, 240, 80)}

        async def fill(crew: str, members: list[str]) -> None:
            for op in ("add", "remove", "add", "remove", "add"):
                await scene.member(op, crew, *members)

        async def delete(groups: list[str]) -> None:
            for each in groups:
                gone = await scene.asked("DELETE", f"/Groups/{each}")
                assert gone.answer.status == 204, f"{gone.refusals} times 503, and yet it was deleted"

        scene.busy.begin()
        filling = [fill(crew, members) for crew, members in crews.items()]
        playing = asyncio.gather(*filling, *(delete(doomed[start::4]) for start in range(4)))
        await scene.maintain(playing)
        await playing
        for crew, members in crews.items():
            assert await scene.members(crew) == set(members)
        assert scene.unavailable
        await scene.checked()


PLAYS: dict[str, Play] = {"late": late, "regretted": regretted, "moved": moved, "refused": refused}
