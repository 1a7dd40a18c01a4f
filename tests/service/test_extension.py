"""A customer's extension from end to end: one schema document more, and everything follows it."""

from typing import Any

import pytest

from scim.storage.rows import Rows
from tests.conftest import Clock, Http, make_app
from tests.samples import CONTOSO, CORE, EXTENSIONS


@pytest.fixture
def http(rows: Rows, clock: Clock) -> Http:
    """A client of a service that knows Contoso's extension and looks its card numbers and desks up."""
    filterable = (f"{CONTOSO}:site", f"{CONTOSO}:desks", f"{CONTOSO}:remote", f"{CONTOSO}:hiredAt")
    return Http(make_app(rows, clock, schemas=EXTENSIONS, filterable=filterable))


def patch(op: str, path: str, value: Any = None) -> dict[str, Any]:
    return {"Operations": [{"op": op, "path": path, "value": value}]}


async def test_a_user_is_created_with_it_whether_schemas_lists_it_or_not(http: Http) -> None:
    """Entra leaves custom URNs out of `schemas`; the answer lists what is used."""
    user = await http.user("mira", **{CONTOSO: {"clearance": "office", "languages": ["nb", "de"]}})
    assert user["schemas"] == [CORE, CONTOSO]
    assert user[CONTOSO] == {"clearance": "office", "languages": ["nb", "de"]}
    listed = await http.user("nils", schemas=[CORE, CONTOSO], **{CONTOSO.lower(): {"CLEARANCE": "lobby"}})
    assert listed[CONTOSO] == {"clearance": "lobby"}
    assert (await http.user("ida"))["schemas"] == [CORE]


async def test_what_it_requires_is_required_of_those_who_use_it(http: Http) -> None:
    """Only of those: a user without the extension lacks nothing."""
    answer = await http.request("POST", "/Users", {"userName": "m", CONTOSO: {"badge": "1"}})
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")
    assert f"{CONTOSO}:clearance is required" in answer.body["detail"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("desks", "many"),
        ("desks", 1.5),
        ("workload", "half"),
        ("remote", "maybe"),
        ("hiredAt", "yesterday"),
        ("signature", "%%%"),
        ("languages", [0.5]),
        ("office", {"floor": "up"}),
        ("devices", [{"seal": "S-1"}]),
    ],
)
async def test_its_types_are_held_to(http: Http, name: str, value: Any) -> None:
    """Each type of RFC 7643 §2.3, in creating and in patching."""
    body = {"userName": "m", CONTOSO: {"clearance": "office", name: value}}
    answer = await http.request("POST", "/Users", body)
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")
    assert name in answer.body["detail"]
    user = await http.user("mira", **{CONTOSO: {"clearance": "office"}})
    answer = await http.request("PATCH", f"/Users/{user['id']}", patch("add", f"{CONTOSO}:{name}", value))
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")


async def test_it_is_patched_by_its_urn(http: Http) -> None:
    """Attributes, sub-attributes and value paths below the URN, and the URN as a key; at last as a whole."""
    user = await http.user("mira", **{CONTOSO: {"clearance": "office"}})
    operations = [
        {"op": "Add", "path": f"{CONTOSO}:desks", "value": "2"},
        {"op": "add", "path": f"{CONTOSO}:office.building", "value": "North"},
        {"op": "replace", "path": f'{CONTOSO}:devices[type eq "laptop"].value', "value": "L-1"},
        {"op": "replace", "value": {f"{CONTOSO}:remote": "True", CONTOSO: {"site": "Bergen"}}},
    ]
    answer = await http.request("PATCH", f"/Users/{user['id']}", {"Operations": operations})
    assert answer.status == 200
    assert answer.body[CONTOSO] == {
        "clearance": "office",
        "desks": 2,
        "office": {"building": "North"},
        "devices": [{"type": "laptop", "value": "L-1"}],
        "remote": True,
        "site": "Bergen",
    }
    answer = await http.request("PATCH", f"/Users/{user['id']}", patch("remove", CONTOSO))
    assert (answer.status, answer.body["schemas"]) == (200, [CORE])
    assert CONTOSO not in answer.body


async def test_what_is_required_cannot_be_taken_away(http: Http) -> None:
    """RFC 7644 §3.5.2.2 calls that mutability."""
    user = await http.user("mira", **{CONTOSO: {"clearance": "office", "site": "Bergen"}})
    answer = await http.request("PATCH", f"/Users/{user['id']}", patch("remove", f"{CONTOSO}:clearance"))
    assert (answer.status, answer.body["scimType"]) == (400, "mutability")


async def test_read_only_attributes_are_ignored_in_bodies_and_refused_by_path(http: Http) -> None:
    """Clients echo them; a path that names one is a mistake worth telling."""
    user = await http.user("mira", **{CONTOSO: {"clearance": "office", "grade": "A"}})
    assert "grade" not in user[CONTOSO]
    answer = await http.request("PATCH", f"/Users/{user['id']}", patch("replace", f"{CONTOSO}:grade", "A"))
    assert (answer.status, answer.body["scimType"]) == (400, "mutability")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_immutable_attributes_are_given_once(http: Http, method: str) -> None:
    """A PUT may leave them out and they stay; another value is mutability."""
    user = await http.user("mira", **{CONTOSO: {"clearance": "office"}})
    path = f"/Users/{user['id']}"

    def body(badge: str) -> dict[str, Any]:
        put = {"userName": "mira@contoso.example", CONTOSO: {"clearance": "office", "badge": badge}}
        return put if method == "PUT" else patch("add", f"{CONTOSO}:badge", badge)

    assert (await http.request(method, path, body("B-1"))).body[CONTOSO]["badge"] == "B-1"
    assert (await http.request(method, path, body("B-1"))).status == 200
    answer = await http.request(method, path, body("B-2"))
    assert (answer.status, answer.body["scimType"]) == (400, "mutability")
    assert "badge" in answer.body["detail"]
    left_out = {"userName": "mira@contoso.example", CONTOSO: {"clearance": "lobby"}}
    assert (await http.request("PUT", path, left_out)).body[CONTOSO] == {"clearance": "lobby", "badge": "B-1"}


async def test_secrets_are_never_returned_and_survive_a_put_that_cannot_know_them(http: Http) -> None:
    """`returned: never`, whatever is asked for, and no filter finds out either."""
    user = await http.user("mira", **{CONTOSO: {"clearance": "office", "doorCode": "1234"}})
    path = f"/Users/{user['id']}"
    assert user[CONTOSO] == {"clearance": "office"}
    asked = (await http.request("GET", f"{path}?attributes={CONTOSO}:doorCode,{CONTOSO}")).body
    assert "1234" not in str(asked)
    answer = await http.request("GET", f"/Users?filter={CONTOSO}:doorCode+sw+%221%22")
    assert (answer.status, answer.body["scimType"]) == (400, "invalidFilter")
    assert "1234" not in str((await http.request("PUT", path, user)).body)
    again = await http.request("PATCH", path, patch("replace", f"{CONTOSO}:doorCode", "1234"))
    assert again.body["meta"]["version"] == user["meta"]["version"]


async def test_what_is_returned_on_request_comes_only_when_it_is_named(http: Http) -> None:
    """And what is always returned comes also when others are named."""
    user = await http.user("mira", **{CONTOSO: {"clearance": "office", "remarks": "shy", "site": "Bergen"}})
    path = f"/Users/{user['id']}"
    assert user[CONTOSO] == {"clearance": "office", "site": "Bergen"}
    asked = (await http.request("GET", f"{path}?attributes={CONTOSO}:remarks")).body
    assert asked[CONTOSO] == {"remarks": "shy", "site": "Bergen"}
    excluded = (await http.request("GET", f"{path}?excludedAttributes={CONTOSO}:site,{CONTOSO}:clearance")).body
    assert excluded[CONTOSO] == {"site": "Bergen"}


async def test_a_card_number_is_unique_whatever_its_case(http: Http) -> None:
    """`uniqueness: server` of an extension holds as that of userName does."""
    mira = await http.user("mira", **{CONTOSO: {"clearance": "office", "cardNumber": "c-1"}})
    body = {"userName": "n", CONTOSO: {"clearance": "office", "cardNumber": "C-1"}}
    answer = await http.request("POST", "/Users", body)
    assert (answer.status, answer.body["scimType"]) == (409, "uniqueness")
    assert "cardNumber" in answer.body["detail"]
    await http.request("DELETE", f"/Users/{mira['id']}")
    assert (await http.request("POST", "/Users", body)).status == 201


@pytest.mark.parametrize(
    ("filter_text", "found"),
    [
        (f'{CONTOSO}:cardNumber eq "C-1"', True),
        (f'{CONTOSO}:site eq "bergen"', True),
        (f'{CONTOSO}:site eq "oslo"', False),
        (f"{CONTOSO}:desks eq 2", True),
        (f"{CONTOSO}:desks eq 2.0", True),
        (f'{CONTOSO}:desks eq "2"', True),
        (f"{CONTOSO}:desks gt 1", True),
        (f"{CONTOSO}:remote eq false", True),
        (f'{CONTOSO}:remote eq "False"', True),
        (f"{CONTOSO}:remote eq true", False),
        (f"{CONTOSO}:workload lt 0.75", True),
        (f'{CONTOSO}:hiredAt eq "2020-03-01T00:30:00+01:00"', True),
        (f'{CONTOSO}:hiredAt ge "2021-01-01T00:00:00Z"', False),
        (f'{CONTOSO}:languages eq "DE"', True),
        (f'{CONTOSO}:office.building sw "no"', True),
        (f'{CONTOSO}:devices[type eq "phone" and value sw "P"]', True),
        (f"{CONTOSO}:remarks pr", True),
    ],
)
async def test_it_is_searched_by_its_attributes(http: Http, filter_text: str, found: bool) -> None:
    """By look-ups of every type where there are some, and by looking at everybody elsewhere, with the same verdict."""
    await http.user("nobody")
    await http.user(
        "mira",
        **{
            CONTOSO: {
                "clearance": "office",
                "cardNumber": "c-1",
                "site": "Bergen",
                "desks": 2,
                "remote": False,
                "workload": 0.5,
                "hiredAt": "2020-02-29T23:30:00Z",
                "languages": ["nb", "de"],
                "office": {"building": "North"},
                "devices": [{"type": "phone", "value": "P-1"}],
                "remarks": "shy",
            }
        },
    )
    answer = await http.request("POST", "/Users/.search", {"filter": filter_text})
    assert answer.body["totalResults"] == (1 if found else 0), answer.body


@pytest.mark.parametrize("path", [f"{CONTOSO}:doorCode", f"{CONTOSO}:office.alarmCode"])
async def test_what_is_never_returned_gives_no_order(http: Http, path: str) -> None:
    """Neither the order nor a cursor, which holds the value it goes on behind, may tell it."""
    answer = await http.request("GET", f"/Users?sortBy={path}&cursor=&count=1")
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")


async def test_what_is_always_returned_is_so_whatever_is_asked(http: Http) -> None:
    """`returned` of RFC 7643 §7, although nobody asks for the extension, or leaves it out."""
    user = await http.user("mira", **{CONTOSO: {"clearance": "office", "site": "Oslo"}})
    for query in ("attributes=userName", f"excludedAttributes={CONTOSO}"):
        answer = await http.request("GET", f"/Users/{user['id']}?{query}")
        assert answer.body[CONTOSO] == {"site": "Oslo"}


async def test_a_put_stores_nothing_that_a_patch_then_stumbles_over(http: Http) -> None:
    """What is kept of an extension that the body leaves out may require more of it."""
    user = await http.user("mira", **{CONTOSO: {"clearance": "office", "badge": "B-1"}})
    answer = await http.request("PUT", f"/Users/{user['id']}", {"userName": "mira"})
    assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")
    answer = await http.request("PATCH", f"/Users/{user['id']}", patch("replace", "active", value=False))
    assert answer.status == 200


async def test_what_a_put_cannot_see_or_change_stays_within_complex_attributes(http: Http) -> None:
    """The same for sub-attributes: an immutable one keeps its value, a hidden one is not lost."""
    office = {"building": "A", "key": "7", "alarmCode": "1234"}
    user = await http.user("mira", **{CONTOSO: {"clearance": "office", "office": office}})
    body = {"userName": "mira", CONTOSO: {"clearance": "office", "office": {"building": "B", "key": "8"}}}
    answer = await http.request("PUT", f"/Users/{user['id']}", body)
    assert (answer.status, answer.body["scimType"]) == (400, "mutability")
    operations = [
        {"op": "remove", "path": f"{CONTOSO}:office"},
        {"op": "add", "path": f"{CONTOSO}:office", "value": {"building": "A", "key": "8"}},
    ]
    answer = await http.request("PATCH", f"/Users/{user['id']}", {"Operations": operations})
    assert (answer.status, answer.body["scimType"]) == (400, "mutability")
