"""What a client makes up reaches neither the keys that people use nor the log as it came."""

import pytest

from tests.conftest import Http

UNPRINTABLE = ["a\x00b", "a\nb", "a\x7f", "a\x9f", "a\ufffe", "a\uffff"]


@pytest.mark.parametrize("text", UNPRINTABLE)
@pytest.mark.parametrize(("path", "attribute"), [("/Users", "userName"), ("/Groups", "displayName")])
async def test_control_characters_in_names_are_refused(http: Http, path: str, attribute: str, text: str) -> None:
    """Two names that nobody can tell apart would be two people; PATCH and PUT refuse them as well."""
    made = await http.created(path, userName="mira", displayName="mira")
    change = {"Operations": [{"op": "replace", "path": attribute, "value": text}]}
    for method, to, body in (
        ("POST", path, {attribute: text}),
        ("PUT", f"{path}/{made['id']}", {attribute: text}),
        ("PATCH", f"{path}/{made['id']}", change),
    ):
        answer = await http.request(method, to, body)
        assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")


@pytest.mark.parametrize("text", UNPRINTABLE)
async def test_elsewhere_they_come_back_as_they_came(http: Http, text: str) -> None:
    """Nobody is told apart by a title."""
    user = await http.user("mira", title=text)
    assert (await http.request("GET", f"/Users/{user['id']}")).body["title"] == text


async def test_unknown_names_are_logged_bounded(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    """Twenty of them, sixty characters each, on one line."""
    caplog.set_level("INFO")
    await http.user("mira", **{f"n{number}\n{'x' * 56}": 1 for number in range(30)})
    await http.user("omar", **{"y" * 61: 1})
    assert f"{'y' * 60}" in caplog.text
    assert "y" * 61 not in caplog.text
    [line, _] = [each.getMessage() for each in caplog.records if "no schema knows" in each.getMessage()]
    assert line.isprintable()
    assert line.count("x" * 56) == 20
    assert line.endswith("and 10 more")


async def test_a_tab_may_follow_the_scheme(http: Http) -> None:
    """Blanks of either kind separate it from the token."""
    from tests.conftest import TOKEN

    assert (await http.request("GET", "/Users", headers={"authorization": f"Bearer\t{TOKEN}"})).status == 200
