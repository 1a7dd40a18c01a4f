"""A short soak over failing stores, the witness that judges its answers, and the weather."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bench import soak
from bench.hosts.weather import FaultyRows, Sky, Weather
from bench.load.witness import Witness
from scim.protocol.errors import ERROR_SCHEMA, Unavailable
from scim.simulate.wire.failure import Failure
from scim.simulate.wire.transport import Wire
from scim.storage.rows import Insert
from scim.storage.sqlite import SqliteRows

SHORT = soak.Pace(4.0, 100.0, users=20, groups=3, members=4, spell=0.6, wire=(Sky.CLEAR, Sky.BUSY, Sky.BROKEN))


async def test_nothing_is_lost_while_stores_fail() -> None:
    """Whatever the stores do, every request ends in a SCIM answer and the directory is right in the end."""
    soaks = await soak.faulty(SHORT)

    assert [line for each in soaks for line in each.problems()] == []
    assert soaks[0].statuses["503"] > 0
    assert all(each.findings.read >= 23 for each in soaks)


async def judged(make: Callable[[], web.Response]) -> dict[str, int]:
    """Return what the witness has to say of answers that are made so."""

    async def serve(_: web.Request) -> web.Response:
        return make()

    app = web.Application()
    app.router.add_get("/Users", serve)
    async with TestServer(app) as server, Witness(Wire(str(server.make_url("/")), "token", max_wait=0)) as witness:
        await witness.request("list", "GET", "/Users")
        return dict(witness.complaints)


def error(status: int, schema: str = ERROR_SCHEMA, named: str = "", **headers: str) -> web.Response:
    body = {"schemas": [schema], "status": named or str(status), "detail": "made up"}
    response = web.json_response(body, status=status, content_type="application/scim+json")
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


@pytest.mark.parametrize(
    ("answer", "complaints"),
    [
        (lambda: web.Response(text="{}", content_type="application/scim+json"), set()),
        (lambda: web.Response(status=204), set()),
        (lambda: error(404), set()),
        (lambda: web.Response(text="{}", content_type="text/html"), {"Content-Type text/html"}),
        (lambda: error(400, schema="urn:other"), {"an error that is no SCIM error"}),
        (lambda: error(400, named="404"), {"an error that is no SCIM error"}),
        (lambda: error(500), {"status 500"}),
        (
            lambda: web.Response(status=404, text="<html>", content_type="application/scim+json"),
            {"an error without a JSON object"},
        ),
    ],
)
async def test_the_witness_complains_of(answer: Callable[[], web.Response], complaints: set[str]) -> None:
    """An answer that is not SCIM is noticed, and one that is right is not."""
    assert set(await judged(answer)) == complaints


async def test_the_witness_wants_to_know_when_to_come_back() -> None:
    """503 must say when to try again; it is asked four times."""
    assert await judged(lambda: error(503)) == {"503 without Retry-After": 4}
    assert await judged(lambda: error(503, Retry_After="5")) == {}


async def test_the_witness_notices_a_missing_answer() -> None:
    """A connection that is not there is no SCIM answer."""
    async with Witness(Wire("http://127.0.0.1:1/scim", "token")) as witness:
        with pytest.raises(Failure):
            await witness.request("list", "GET", "/Users")
        assert witness.complaints.total() == 1


class Always(Weather):
    """Weather that never changes."""

    def __init__(self, sky: Sky, done: bool) -> None:
        super().__init__(0)
        self._sky, self._done = sky, done

    def now(self) -> Sky:
        return self._sky

    def heads(self) -> bool:
        return self._done


@pytest.mark.parametrize(
    ("sky", "done", "written"),
    [(Sky.BUSY, True, False), (Sky.BROKEN, True, True), (Sky.BROKEN, False, False), (Sky.SILENT, True, True)],
)
async def test_a_failing_store_may_have_done_what_it_does_not_confirm(sky: Sky, done: bool, written: bool) -> None:
    """Only a lost answer hides a commit that was made; every fault is Unavailable."""
    rows = SqliteRows(":memory:")
    with pytest.raises(Unavailable):
        await FaultyRows(rows, Always(sky, done), silence=0).commit("p", [Insert("k", "body")])

    assert (await rows.read("p", "k") is not None) == written
    await rows.close()


def test_bad_weather_ends() -> None:
    """After its time the sky stays clear, so that what was interrupted can be finished."""
    assert {Weather(0, share=1.0).now() for _ in range(100)} == {Sky.CLEAR}
    assert Weather(60, spells=(Sky.BUSY,), share=1.0).now() is Sky.BUSY
