"""Pages are bounded in bytes too: they have fewer resources then, and a client that goes on sees everybody once."""

import json
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from scim.app import App
from scim.azure.tables import TableRows
from scim.directory import keys, matching, search
from scim.protocol.query import DEFAULT_COUNT, MAX_COUNT
from scim.storage.rows import MAX_BODY_BYTES, Insert, Row, Rows
from scim.storage.sqlite import SqliteRows
from tests.azurite import azurite
from tests.conftest import Clock, Http, make_app

__all__ = ["azurite"]

PAGE_BYTES, BATCH_BYTES, FIRST_ROWS = 1_200, 1_000, 3
"""The bounds in these tests, so that small resources fill a page."""
LARGEST = 1_500
"""Bytes of the largest resource of `crew` at most."""


class MeteredRows(SqliteRows):
    """Rows in memory that remember how much each call returned."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.calls: list[int] = []
        self.gone: set[str] = set()

    async def read(self, partition: str, key: str) -> Row | None:
        if key in self.gone:
            return None
        row = await super().read(partition, key)
        self.calls.append(len(row.body) if row else 0)
        return row

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        found = await super().range(partition, after, before, limit, keys_only)
        self.calls.append(sum(len(row.body) for row in found))
        return found


@pytest.fixture
async def rows() -> AsyncIterator[MeteredRows]:
    """An empty store that measures what it is asked for."""
    made = MeteredRows()
    yield made
    await made.close()


@pytest.fixture
def app(rows: MeteredRows, clock: Clock) -> App:
    """The service over it."""
    return make_app(rows, clock)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that small resources meet."""
    monkeypatch.setattr(matching, "MAX_PAGE_BYTES", PAGE_BYTES)
    monkeypatch.setattr(search, "BATCH_BYTES", BATCH_BYTES)
    monkeypatch.setattr(search, "FIRST_ROWS", FIRST_ROWS)


async def crew(http: Http) -> dict[str, int]:
    """Make twelve users and six groups of different sizes; return the bytes of each in storage, by id."""
    made = [await http.user(f"u{n:02}", title="Pilot", nickName="\u20ac" * (n * 331 % 400)) for n in range(12)]
    made += [await http.group(f"g{n}" + "x" * (n * 331 % 900), made[n]["id"], made[n + 1]["id"]) for n in range(6)]
    kept = ({key: each[key] for key in each if key not in ("schemas", "id", "members", "groups")} for each in made)
    meta = {"meta": {"created": "x" * 24, "form": 1}}
    sizes = [len(json.dumps(each | meta, ensure_ascii=False, separators=(",", ":")).encode()) for each in kept]
    assert max(sizes) <= LARGEST
    return dict(zip((each["id"] for each in made), sizes, strict=True))


async def asked(http: Http, path: str, **parameters: Any) -> Any:
    query = "&".join(f"{name}={quote(str(value))}" for name, value in parameters.items())
    answer = await http.request("GET", f"{path}?{query}")
    assert answer.status == 200, answer.body
    assert answer.body["itemsPerPage"] == len(answer.body["Resources"])
    return answer.body


async def by_index(http: Http, path: str, **parameters: Any) -> tuple[list[list[str]], set[int]]:
    """Return the ids on each page of a client that goes on by itemsPerPage, and the totals that it was told."""
    pages: list[list[str]] = []
    totals = set()
    while True:
        start = sum(map(len, pages)) + 1
        body = await asked(http, path, startIndex=start, **parameters)
        assert body["startIndex"] == start
        totals.add(body["totalResults"])
        pages.append([each["id"] for each in body["Resources"]])
        if not pages[-1] or start + len(pages[-1]) > body["totalResults"]:
            return pages, totals


async def by_cursor(http: Http, path: str, **parameters: Any) -> tuple[list[list[str]], set[int]]:
    """Return the same of a client that goes on by nextCursor; no total where none is told."""
    pages, totals, cursor = [], set(), ""
    while cursor is not None:
        body = await asked(http, path, cursor=cursor, **parameters)
        totals |= {body["totalResults"]} if "totalResults" in body else set()
        pages.append([each["id"] for each in body["Resources"]])
        cursor = body.get("nextCursor")
    return pages, totals


REQUESTS: dict[str, dict[str, Any]] = {
    "listing": {},
    "slim": {"attributes": "id"},
    "scan": {"filter": 'id pr and not (displayName eq "nobody")'},
    "scan of memberships": {"filter": 'members pr or groups pr or title eq "pilot"'},
    "sorted": {"sortBy": "meta.version"},
    "sorted downwards": {"sortBy": "displayName", "sortOrder": "descending", "filter": "id pr"},
    "look-ups": {},
}


def request(name: str, path: str, ids: list[str]) -> dict[str, Any]:
    """Return the parameters of a request that finds these ids."""
    if name == "look-ups":
        return {"filter": " or ".join(f'id eq "{each}"' for each in ids), "sortOrder": "ascending"}
    if name == "scan of memberships" and path:
        return {"filter": 'groups pr or title eq "pilot"' if path == "/Users" else "members pr"}
    return REQUESTS[name]


async def assert_everybody_is_seen_once(http: Http, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By each path, by index and by cursor: in the order of a page without bound, on pages that are not too large."""
    sizes = await crew(http)
    users, groups = list(sizes)[:12], list(sizes)[12:]
    for path, ids in (("/Users", users), ("/Groups", groups), ("", [*users, *groups])):
        parameters = request(name, path, ids)
        with monkeypatch.context() as unbounded:
            unbounded.setattr(matching, "MAX_PAGE_BYTES", 10**9)
            whole = [each["id"] for each in (await asked(http, path, **parameters))["Resources"]]
        assert sorted(whole) == sorted(ids)
        for pages, totals in (await by_index(http, path, **parameters), await by_cursor(http, path, **parameters)):
            assert [each for page in pages for each in page] == whole
            assert totals <= {len(ids)}
            assert len(pages) > 1
            assert all(pages)
            assert all(sum(sizes[each] for each in page) <= PAGE_BYTES + LARGEST for page in pages)
            assert all(sum(sizes[each] for each in page) >= PAGE_BYTES for page in pages[:-1])


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.usefixtures("small_pages")
async def test_everybody_is_seen_once(http: Http, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked: totals stay true, itemsPerPage tells how many came. RFC 7644 §3.4.2.4, RFC 9865 §2."""
    await assert_everybody_is_seen_once(http, name, monkeypatch)


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.usefixtures("small_pages")
async def test_everybody_is_seen_once_in_table_storage(
    azurite: str, clock: Clock, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same through the real client of Azure."""
    app = make_app(TableRows.from_connection_string(azurite, f"t{secrets.token_hex(8)}"), clock)
    try:
        await assert_everybody_is_seen_once(Http(app), name, monkeypatch)
    finally:
        await app.close()


@pytest.mark.parametrize("parameters", [{}, {"filter": "id pr"}, {"sortBy": "userName"}])
@pytest.mark.usefixtures("small_pages")
async def test_one_resource_is_always_on_a_page(http: Http, parameters: dict[str, Any]) -> None:
    """However large it is, since else nobody could go on."""
    for n in range(3):
        await http.user(f"u{n}", nickName="x" * 2 * PAGE_BYTES)
    for walk in (by_index, by_cursor):
        assert [len(page) for page in (await walk(http, "/Users", **parameters))[0]] == [1, 1, 1]


async def populate(rows: Rows, number: int, size: int) -> None:
    """Put users of one size into a store, without a request for each."""
    ids = [f"{place:02x}{secrets.token_hex(15)}" for place in range(number)]
    for start in range(0, number, 4):
        some = ids[start : start + 4]
        await rows.commit(
            "scim",
            [
                *(
                    Insert(keys.resource("u", each), f'{{"userName":"{each}","nickName":"{"x" * size}"}}')
                    for each in some
                ),
                *(Insert(keys.count("u", each), "1") for each in some),
            ],
        )


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"startIndex": 11},
        {"cursor": ""},
        {"cursor": "", "filter": "nickName pr"},
    ],
)
@pytest.mark.usefixtures("small_pages")
async def test_no_more_is_read_than_a_page_can_hold(http: Http, rows: MeteredRows, parameters: dict[str, Any]) -> None:
    """And what was on its way when the page was full."""
    await populate(rows, 100, 400)
    rows.calls.clear()
    body = await asked(http, "/Users", excludedAttributes="groups", count=90, **parameters)
    assert len(body["Resources"]) == 3
    assert sum(rows.calls) <= PAGE_BYTES + 2 * BATCH_BYTES


@pytest.mark.parametrize("parameters", [{"filter": "nickName pr"}, {"sortBy": "userName"}])
@pytest.mark.usefixtures("small_pages")
async def test_a_search_through_everybody_reads_a_little_at_a_time(
    http: Http, rows: MeteredRows, parameters: dict[str, Any]
) -> None:
    """So that no more is in memory at once than some rows, and what is on the page."""
    await populate(rows, 100, 400)
    rows.calls.clear()
    body = await asked(http, "/Users", excludedAttributes="groups", count=90, **parameters)
    assert (len(body["Resources"]), body["totalResults"]) == (3, 100)
    assert max(rows.calls) <= FIRST_ROWS * 500
    assert sum(rows.calls) <= 100 * 500 + 3 * 500


@pytest.mark.parametrize("filter_text", ["id pr", " or ".join(f'id eq "{number:032x}"' for number in range(100))])
@pytest.mark.usefixtures("small_pages")
async def test_small_rows_are_read_many_at_a_time(
    http: Http, rows: MeteredRows, filter_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as the first ones have shown how small they are."""
    await rows.commit(
        "scim",
        [Insert(keys.resource("u", f"{number:032x}"), f'{{"userName":"{number:060}"}}') for number in range(100)],
    )
    batches: list[int] = []

    class WatchedPace(search._Pace):
        def adapt(self, number: int, weight: int) -> None:
            batches.append(number)
            super().adapt(number, weight)

    monkeypatch.setattr(search, "_Pace", WatchedPace)
    found = await http.request("POST", "/Users/.search", {"filter": filter_text, "attributes": ["id"]})
    assert found.body["totalResults"] == 100
    assert batches == [FIRST_ROWS, *[BATCH_BYTES // 75] * 7, 6][: len(batches)]
    assert sum(batches) >= 90


@pytest.mark.usefixtures("small_pages")
async def test_who_is_deleted_before_the_page_is_made_is_not_on_it(http: Http, rows: MeteredRows) -> None:
    """Matches beyond what memory holds are read again when their place is known."""
    await populate(rows, 30, 400)
    everybody = [row.key for row in await rows.range("scim", "u.", "u.~", 100)]
    rows.gone = {everybody[-1]}
    body = await asked(http, "/Users", sortBy="userName", sortOrder="descending")
    assert (body["totalResults"], len(body["Resources"])) == (30, 2)
    assert [f"u.{each['id']}" for each in body["Resources"]] == everybody[-2:-4:-1]


@pytest.mark.parametrize("parameters", [{}, {"cursor": ""}, {"count": DEFAULT_COUNT, "startIndex": 2}])
async def test_a_page_of_the_usual_size_is_read_at_once(
    http: Http, rows: MeteredRows, parameters: dict[str, Any]
) -> None:
    """The bound costs it nothing: one range, beside that of the counts."""
    await populate(rows, DEFAULT_COUNT + 50, 2_000)
    rows.calls.clear()
    body = await asked(http, "/Users", excludedAttributes="groups", **parameters)
    assert len(body["Resources"]) == DEFAULT_COUNT
    assert len([size for size in rows.calls if size > DEFAULT_COUNT * 2_000]) == 1
    assert len([size for size in rows.calls if size > 1_000]) == 1


async def test_pages_are_full_unless_resources_are_large(http: Http, rows: MeteredRows) -> None:
    """The bound as it is: 1,000 resources of 8 KiB fit, and of the largest ones there are some twenty or fewer."""
    assert matching.MAX_PAGE_BYTES >= MAX_COUNT * 8 * 1024
    large = MAX_BODY_BYTES // 2 - 100
    await populate(rows, 30, large)
    body = await asked(http, "/Users", excludedAttributes="groups", attributes="id")
    assert (len(body["Resources"]), body["totalResults"]) == (-(-matching.MAX_PAGE_BYTES // large), 30)
