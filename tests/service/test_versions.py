"""Versions through HTTP: If-Match and If-None-Match, weak and strong."""

import pytest

from scim.storage.rows import Rows
from tests.conftest import Http
from tests.service.asking import MISSING, assert_error, everything, patch, replace


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_change_needs_the_version_that_if_match_names(http: Http, rows: Rows, method: str) -> None:
    """412 for another one and nothing changes; the current one, in a list too, or `*` pass. RFC 7644 §3.14."""
    user = await http.user("mira")
    path, version = f"/Users/{user['id']}", user["meta"]["version"]
    body = {"PUT": {"userName": "n@x"}, "PATCH": replace("title", "x")}.get(method)
    before = await everything(rows)
    for wrong in ('W/"0000000000000000"', '"x", W/"y"', "", "x"):
        answer = await http.request(method, path, body, {"If-Match": wrong})
        assert_error(answer, 412, detail=version)
    assert await everything(rows) == before
    answer = await http.request(method, path, body, {"If-Match": f'"x", {version}'})
    assert answer.status == (204 if method == "DELETE" else 200)


@pytest.mark.parametrize("tag", ["{0}", '{0}, W/"x"', "*", "{1}"])
async def test_if_match_takes_weak_and_strong_forms_lists_and_any(http: Http, tag: str) -> None:
    """The mark of weakness does not matter: clients drop it. RFC 9110 §8.8.3.2."""
    user = await http.user("mira")
    version = user["meta"]["version"]
    headers = {"If-Match": tag.format(version, version.removeprefix("W/"))}
    assert (await http.request("PATCH", f"/Users/{user['id']}", replace("title", "x"), headers)).status == 200


async def test_if_match_does_not_turn_a_missing_resource_into_a_conflict(http: Http) -> None:
    """Who is gone is 404 whatever version is named."""
    assert_error(await http.request("DELETE", f"/Users/{MISSING}", headers={"If-Match": "*"}), 404)


async def test_an_unchanged_resource_is_not_sent_again(http: Http) -> None:
    """304 without a body, with the version; another version or another resource is sent. RFC 7644 §3.14."""
    user = await http.user("mira")
    path, version = f"/Users/{user['id']}", user["meta"]["version"]
    for tag in (version, version.removeprefix("W/"), f'"x", {version}', "*"):
        assert await http.request("GET", path, headers={"If-None-Match": tag}) == (304, {"ETag": version}, None)
    assert (await http.request("GET", path, headers={"If-None-Match": 'W/"x"'})).status == 200
    await http.request("PATCH", path, replace("title", "x"))
    assert (await http.request("GET", path, headers={"If-None-Match": version})).status == 200


async def test_a_read_needs_the_version_that_if_match_names(http: Http) -> None:
    """412 for another one, whatever If-None-Match says; the current one and `*` pass. RFC 9110 §13.1.1, §13.2.2."""
    user = await http.user("mira")
    path, version = f"/Users/{user['id']}", user["meta"]["version"]
    assert_error(await http.request("GET", path, headers={"If-Match": 'W/"x"'}), 412, detail=version)
    both = {"If-Match": 'W/"x"', "If-None-Match": version}
    assert_error(await http.request("GET", path, headers=both), 412, detail=version)
    for tag in (version, "*"):
        assert (await http.request("GET", path, headers={"If-Match": tag})).body == user
        assert (await http.request("GET", path, headers={"If-Match": tag, "If-None-Match": version})).status == 304


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_change_needs_another_version_than_if_none_match_names(http: Http, rows: Rows, method: str) -> None:
    """412 for the current one and for `*`, and nothing changes; any other passes. RFC 9110 §13.1.2."""
    user = await http.user("mira")
    path, version = f"/Users/{user['id']}", user["meta"]["version"]
    body = {"PUT": {"userName": "n@x"}, "PATCH": replace("title", "x")}.get(method)
    before = await everything(rows)
    for tag in (version, version.removeprefix("W/"), f'"x", {version}', "*"):
        assert_error(await http.request(method, path, body, {"If-None-Match": tag}), 412, detail=version)
    both = {"If-None-Match": version, "If-Match": version}
    assert_error(await http.request(method, path, body, both), 412, detail="If-None-Match")
    assert await everything(rows) == before
    missing = await http.request(method, f"/Users/{MISSING}", body, {"If-None-Match": "*"})
    assert_error(missing, 404)
    answer = await http.request(method, path, body, {"If-None-Match": '"x", W/"y"'})
    assert answer.status == (204 if method == "DELETE" else 200)


async def test_a_membership_gives_both_sides_a_new_version(http: Http) -> None:
    """Since `members` and `groups` are part of the resources."""
    mira = await http.user("mira")
    group = await http.group("Crew")
    add = patch({"op": "add", "path": "members", "value": [{"value": mira["id"]}]})
    await http.request("PATCH", f"/Groups/{group['id']}", add)
    for each, path in ((mira, f"/Users/{mira['id']}"), (group, f"/Groups/{group['id']}")):
        assert (await http.request("GET", path)).headers["ETag"] != each["meta"]["version"]
