"""`verify` over the counts that seats rest on: a wrong one gives a seat away or takes one, until it is mended."""

import pytest

from scim.app import App
from scim.commands.verify import verify
from scim.directory import counts, keys
from scim.storage.rows import Replace, Rows
from tests.conftest import Http


async def said(app: App, repair: bool = False) -> list[str]:
    """Return what a verification says."""
    lines: list[str] = []
    await verify(app.tenants.default, repair, lines.append)
    return lines


@pytest.mark.parametrize(("body", "lets"), [("0", 0), ("no number", 0), ("9", 3)])
async def test_a_wrong_count_is_told_of_and_mended(app: App, http: Http, rows: Rows, body: str, lets: int) -> None:
    """Of two seats one is taken: one may come, and not none or three."""
    await app.administration.change("scim", {"seats": 2})
    asleep = (await http.user("asleep", active=False))["id"]
    await http.user("awake")
    row = await rows.read("scim", keys.count(counts.INACTIVE, asleep))
    assert row is not None
    await rows.commit("scim", [Replace(row.key, body, row.version)])
    answers = [await http.request("POST", "/Users", {"userName": f"new{number}"}) for number in range(3)]
    assert [each.status for each in answers].count(201) == lets
    [line] = await said(app)
    assert f"is '{body}', should be 1" in line
    assert await said(app, repair=True) == [f"{line} (repaired)"]
    assert await said(app) == []
    for each in answers:
        if each.status == 201:
            assert (await http.request("DELETE", f"/Users/{each.body['id']}")).status == 204
    statuses = [(await http.request("POST", "/Users", {"userName": f"late{number}"})).status for number in range(2)]
    assert statuses == [201, 400]
