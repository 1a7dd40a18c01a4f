"""A search counts what it compares, and stops before others have to wait for it."""

import pytest

from scim.protocol import work
from tests.conftest import Http
from tests.recording import RecordingRows

PAGE = "/Users/.search"


@pytest.fixture(autouse=True)
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search may compare a hundred values."""
    monkeypatch.setattr(work.Work.__init__, "__defaults__", (100,))


async def test_a_search_that_compares_too_much_is_refused(http: Http) -> None:
    """It says how to ask instead; what is narrowed by a look-up is answered."""
    for number in range(20):
        await http.user(f"u{number}")
    answer = await http.request("POST", PAGE, {"filter": 'title co "a" or nickName co "b"'})
    assert (answer.status, answer.body["scimType"]) == (400, "tooMany")
    assert "walk by cursor" in answer.body["detail"]
    assert (await http.request("POST", PAGE, {"filter": 'userName eq "u1@contoso.example"'})).body["totalResults"] == 1


async def test_a_walk_goes_on_where_its_work_was_done(http: Http) -> None:
    """Each page compares no more than one search may; nobody is missed or met twice."""
    made = {(await http.user(f"u{number}", title="x"))["id"] for number in range(40)}
    met: list[str] = []
    cursor, pages = "", 0
    while True:
        answer = await http.request("POST", PAGE, {"filter": 'title eq "x"', "cursor": cursor, "count": 1000})
        met += [each["id"] for each in answer.body["Resources"]]
        pages += 1
        if not (cursor := answer.body.get("nextCursor", "")):
            break
    assert sorted(met) == sorted(made)
    assert 2 < pages < 10


async def test_a_walk_that_cannot_compare_one_resource_is_refused(http: Http) -> None:
    """A page that never gets further would be asked for again and again."""
    await http.user("many", phoneNumbers=[{"value": f"{number}"} for number in range(200)])
    answer = await http.request("POST", PAGE, {"filter": 'phoneNumbers.value eq "x"', "cursor": ""})
    assert (answer.status, answer.body["scimType"]) == (400, "tooMany")


async def test_look_ups_that_find_too_many_are_refused(http: Http) -> None:
    """Two hundred conditions may each find everybody."""
    for number in range(4):
        await http.user(f"u{number}", externalId="same")
    conditions = " or ".join(['externalId eq "same"'] * 20)
    answer = await http.request("POST", PAGE, {"filter": conditions})
    assert (answer.status, answer.body["scimType"]) == (400, "tooMany")


async def test_a_search_over_too_many_is_refused_before_a_row_is_read(rows: RecordingRows, clock: object) -> None:
    """The counts know it; reading 20,000 rows in vain would be work for everybody else to wait for."""
    from tests.conftest import make_app

    app = make_app(rows, clock, scan_rows=100)  # type: ignore[arg-type]
    http = Http(app)
    for number in range(101):
        await http.user(f"u{number}")
    rows.forget()
    assert (await http.request("POST", PAGE, {"sortBy": "title"})).status == 400
    assert rows.rows_read <= 101  # counts
    await app.close()
