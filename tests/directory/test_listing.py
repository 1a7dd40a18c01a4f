"""Listing a large tenant: deep pages cost little, totals are exact and cost no scan, walks end."""

import random
from collections import Counter
from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory.cursor import Cursor
from scim.storage.rows import MAX_CHANGES, Insert, RowChange
from tests.conftest import Clock, Http, make_app
from tests.recording import RecordingRows

USERS = 20_000
PREFIXES = 256


@pytest.fixture(scope="module")
def ids() -> list[str]:
    """Ids as the service makes them, in order."""
    choice = random.Random(256)
    return sorted(f"{choice.getrandbits(128):032x}" for _ in range(USERS))


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock, ids: list[str]) -> App:
    """The service over a tenant of many users, of whom there is no more than listing looks at."""
    changes: list[RowChange] = [
        Insert(keys.resource("u", each), f'{{"userName":"u{number}"}}') for number, each in enumerate(ids)
    ]
    changes += [Insert(f"c.u.{prefix}", str(size)) for prefix, size in Counter(each[:2] for each in ids).items()]
    for start in range(0, len(changes), MAX_CHANGES):
        await rows.commit("scim", changes[start : start + MAX_CHANGES])
    made = make_app(rows, clock)
    await made.admission.tenant("scim")  # so that no count has the one read of the registry
    rows.forget()
    return made


async def page(http: Http, **parameters: Any) -> Any:
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    answer = await http.request("GET", f"/Users?attributes=id&{query}")
    assert answer.status == 200, answer.body
    return answer.body


@pytest.mark.parametrize("start", [1, 2, 77, 9_999, USERS // 2, USERS - 9, USERS])
async def test_a_deep_page_reads_little_beyond_itself(
    http: Http, rows: RecordingRows, ids: list[str], start: int
) -> None:
    """The counts, and of the others the keys within one prefix: about 1 in 256."""
    found = await page(http, startIndex=start, count=10)
    assert [each["id"] for each in found["Resources"]] == ids[start - 1 : start + 9]
    assert found["totalResults"] == USERS
    largest = max(Counter(each[:2] for each in ids).values())
    assert rows.rows_read <= PREFIXES + largest + 10
    assert largest < 1.5 * USERS / PREFIXES
    assert len(rows.calls) <= 3


async def test_a_page_beyond_the_end_is_empty_and_knows_the_total(http: Http, rows: RecordingRows) -> None:
    """Without reading anybody."""
    found = await page(http, startIndex=USERS + 1, count=10)
    assert (found["totalResults"], found["Resources"]) == (USERS, [])
    assert rows.rows_read <= PREFIXES


@pytest.mark.parametrize("start", [1, USERS // 2])
async def test_the_total_alone_reads_nobody(http: Http, rows: RecordingRows, start: int) -> None:
    """Clients ask for it with count=0; nor is anybody skipped then."""
    assert (await page(http, startIndex=start, count=0))["totalResults"] == USERS
    assert rows.rows_read <= PREFIXES


@pytest.mark.parametrize("count", [1, 10, 100])
async def test_a_page_reads_itself_and_in_a_walk_one_more(http: Http, rows: RecordingRows, count: int) -> None:
    """The one behind it says that there is a next page."""
    assert len((await page(http, count=count))["Resources"]) == count
    assert rows.rows_read == PREFIXES + count
    rows.forget()
    found = await page(http, cursor="", count=count)
    assert (len(found["Resources"]), "nextCursor" in found) == (count, True)
    assert rows.rows_read == PREFIXES + count + 1


async def test_the_last_page_of_a_walk_may_be_full(http: Http, rows: RecordingRows, ids: list[str]) -> None:
    """It has no next one, and nobody is looked for in vain."""
    found = await page(http, cursor=Cursor(["scim", "u", None, None, None]).encode((0, ids[-11])), count=10)
    assert [each["id"] for each in found["Resources"]] == ids[-10:]
    assert "nextCursor" not in found
    assert rows.rows_read == PREFIXES + 10


async def test_a_walk_by_index_is_exact_at_rest(http: Http, ids: list[str]) -> None:
    """Everybody once, in order; each page but the last is full."""
    found: list[str] = []
    sizes = []
    while not found or len(found) < USERS:
        got = await page(http, startIndex=len(found) + 1, count=999)
        found += [each["id"] for each in got["Resources"]]
        sizes.append(got["itemsPerPage"])
    assert found == ids
    assert sizes == [999] * (USERS // 999) + [USERS % 999]


async def test_walks_end_while_others_come_and_go(http: Http, rows: RecordingRows, ids: list[str]) -> None:
    """By index nobody can promise more than that; by cursor who stays is met once."""
    choice = random.Random(1)
    there, staying = set(ids), set(ids[::2])

    async def disturb() -> None:
        for each in choice.sample(sorted(there - staying), 20):
            assert (await http.request("DELETE", f"/Users/{each}")).status == 204
            there.discard(each)
        there.add((await http.user(f"new{len(there)}"))["id"])

    start, requests = 1, 0
    while True:
        got = await page(http, startIndex=start, count=1000)
        requests += 1
        start += got["itemsPerPage"]
        if start > got["totalResults"]:
            break
        await disturb()
    assert requests < 30
    cursor: str | None = ""
    met: list[str] = []
    while cursor is not None:
        got = await page(http, cursor=cursor, count=1000)
        met += [each["id"] for each in got["Resources"]]
        cursor = got.get("nextCursor")
        await disturb()
    assert len(met) == len(set(met))
    assert staying <= set(met)
    assert (await page(http, count=0))["totalResults"] == len(there)
