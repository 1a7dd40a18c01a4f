"""Requests that meet: two servers over one store get them at the same time, and nothing is lost or there twice.

After each test the whole store is verified; see the fixture `client`.
"""

import asyncio
import secrets
from collections import Counter
from typing import Any

import pytest

from tests.races.client import Answer, Client

CREATORS = 16
KINDS = [("/Users", "userName"), ("/Groups", "displayName")]
PATCHED = {"/Users": 200, "/Groups": 204}
"""A PATCH of a group is answered without the group, whose members may be many."""


def a_name() -> str:
    """Return a name that nobody has."""
    return f"race-{secrets.token_hex(6)}"


def spelt(name: str, number: int) -> str:
    """Return the name in one of three spellings that differ in letter case."""
    return (name, name.upper(), name.title())[number % 3]


def statuses(answers: list[Answer]) -> Counter[int]:
    """Return how often each status was answered."""
    return Counter(answer.status for answer in answers)


def won(answers: list[Answer], status: int, others: int) -> list[Answer]:
    """Return the answer of the only one who got this status; all the others got theirs.

    Nobody got it where a try that was not answered, and then repeated, has done it.
    """
    winners = [each for each in answers if each.status == status]
    assert statuses(answers) == Counter({status: len(winners), others: len(answers) - len(winners)})
    assert len(winners) == 1 or (not winners and any(each.repeated for each in answers))
    return winners


def is_gone(answer: Answer) -> bool:
    """Whether a DELETE says that the resource is gone, by an earlier try of it perhaps."""
    return answer.status == 204 or (answer.status == 404 and answer.repeated)


def adds(*ids: str) -> dict[str, Any]:
    """Return the operation that adds members."""
    return {"op": "add", "path": "members", "value": [{"value": each} for each in ids]}


def removes(member_id: str) -> dict[str, Any]:
    """Return the operation that removes a member."""
    return {"op": "remove", "path": f'members[value eq "{member_id}"]'}


def sets(path: str, value: Any) -> dict[str, Any]:
    """Return the operation that sets an attribute."""
    return {"op": "replace", "path": path, "value": value}


async def users(client: Client, count: int) -> list[str]:
    """Create so many users, and return their ids."""
    return list(await asyncio.gather(*(client.created("/Users", userName=a_name()) for _ in range(count))))


async def groups(client: Client, count: int) -> list[str]:
    """Create so many groups, and return their ids."""
    return list(await asyncio.gather(*(client.created("/Groups", displayName=a_name()) for _ in range(count))))


async def members(client: Client, group_id: str) -> list[str]:
    """Return the ids of a group's members, in order."""
    return sorted(each["value"] for each in (await client.read(f"/Groups/{group_id}")).get("members", []))


async def groups_of(client: Client, user_id: str) -> list[str]:
    """Return the ids of the groups that a user shows, in order."""
    return sorted(each["value"] for each in (await client.read(f"/Users/{user_id}")).get("groups", []))


@pytest.mark.parametrize(("path", "attribute"), KINDS)
async def test_of_sixteen_creators_of_one_name_one_succeeds(client: Client, path: str, attribute: str) -> None:
    """The others are told that the name is taken, in whatever letter case they ask for it."""
    before = await client.total(path)
    for name in (a_name(), a_name()):
        answers = await asyncio.gather(
            *(client.send("POST", path, {attribute: spelt(name, number)}) for number in range(CREATORS))
        )
        winners = won(answers, 201, 409)
        assert {each.body["scimType"] for each in answers if each.status == 409} == {"uniqueness"}
        [found] = (await client.read(f'{path}?filter={attribute} eq "{name}"'))["Resources"]
        assert all(each.body["id"] == found["id"] for each in winners)
    assert await client.total(path) == before + 2


@pytest.mark.parametrize(("path", "attribute"), KINDS)
async def test_of_eight_renames_to_one_name_one_succeeds(client: Client, path: str, attribute: str) -> None:
    """Whoever does not get the name keeps the old one, and nobody else can have that."""
    old, new = [a_name() for _ in range(8)], a_name()
    ids = await asyncio.gather(*(client.created(path, **{attribute: name}) for name in old))
    answers = await asyncio.gather(
        *(client.patch(f"{path}/{each}", sets(attribute, spelt(new, number))) for number, each in enumerate(ids))
    )
    assert statuses(answers) == {PATCHED[path]: 1, 409: 7}
    for answer, each, name in zip(answers, ids, old, strict=True):
        shown = (await client.read(f"{path}/{each}"))[attribute]
        assert shown.lower() == (name if answer.status == 409 else new)
        again = await client.send("POST", path, {attribute: name})
        assert again.status == 409 if answer.status == 409 else again.status == 201 or again.repeated


async def test_patches_of_one_user_that_set_other_attributes_are_all_kept(client: Client) -> None:
    """Each is applied to what the others have made of the user."""
    [user_id] = await users(client, 1)
    names = ("displayName", "nickName", "title", "userType", "preferredLanguage", "locale", "timezone", "externalId")
    parts = ("givenName", "familyName", "middleName", "honorificPrefix")
    paths = [*names, *(f"name.{each}" for each in parts)]
    answers = await asyncio.gather(*(client.patch(f"/Users/{user_id}", sets(path, f"en-{path}")) for path in paths))
    assert statuses(answers) == {200: len(paths)}
    user = await client.read(f"/Users/{user_id}")
    assert {name: user.get(name) for name in names} == {name: f"en-{name}" for name in names}
    assert user["name"] == {part: f"en-name.{part}" for part in parts}


async def test_patches_of_one_group_that_add_and_remove_members_are_all_kept(client: Client) -> None:
    """At the end exactly those who were added are members, on the group's side and on their own."""
    staying, leaving, coming = [await users(client, count) for count in (2, 6, 6)]
    group_id = await client.created(
        "/Groups", displayName=a_name(), members=[{"value": each} for each in staying + leaving]
    )
    path = f"/Groups/{group_id}"
    answers = await asyncio.gather(
        *(
            client.patch(path, operation)
            for pair in zip(map(adds, coming), map(removes, leaving), strict=True)
            for operation in pair
        ),
        client.patch(path, sets("externalId", "racing")),
    )
    assert statuses(answers) == {204: 13}
    assert await members(client, group_id) == sorted(staying + coming)
    assert [await groups_of(client, each) for each in staying + coming] == [[group_id]] * 8
    assert [await groups_of(client, each) for each in leaving] == [[]] * 6
    assert (await client.read(path))["externalId"] == "racing"


async def test_one_user_added_to_many_groups_at_once_is_in_all_of_them(client: Client) -> None:
    """What the additions have in common is the user, whose version each of them changes."""
    [user_id], ids = await users(client, 1), await groups(client, 8)
    answers = await asyncio.gather(*(client.patch(f"/Groups/{each}", adds(user_id)) for each in ids))
    assert statuses(answers) == {204: len(ids)}
    assert await groups_of(client, user_id) == sorted(ids)


async def test_one_member_added_by_many_and_removed_by_many_is_there_once_or_not(client: Client) -> None:
    """Both sides agree on which of the two it is."""
    [user_id], [group_id] = await users(client, 1), await groups(client, 1)
    changes = [adds(user_id), removes(user_id)] * 5
    answers = await asyncio.gather(*(client.patch(f"/Groups/{group_id}", change) for change in changes))
    assert statuses(answers) == {204: len(changes)}
    shown = await members(client, group_id)
    assert shown in ([], [user_id])
    assert await groups_of(client, user_id) == ([group_id] if shown else [])


async def test_a_user_deleted_while_it_is_added_to_groups_leaves_no_ghost(client: Client) -> None:
    """An addition comes first or is refused; no group shows the user afterwards."""
    for _ in range(2):
        [user_id], ids = await users(client, 1), await groups(client, 6)
        *added, deleted = await asyncio.gather(
            *(client.patch(f"/Groups/{each}", adds(user_id)) for each in ids),
            client.send("DELETE", f"/Users/{user_id}"),
        )
        assert is_gone(deleted)
        assert set(statuses(added)) <= {204, 400}
        assert [await members(client, each) for each in ids] == [[]] * 6
        assert (await client.send("GET", f"/Users/{user_id}")).status == 404


async def test_a_group_deleted_while_members_are_added_leaves_no_ghost(client: Client) -> None:
    """An addition comes first or is told that the group is gone; no user shows the group afterwards."""
    for _ in range(2):
        ids, [group_id] = await users(client, 6), await groups(client, 1)
        *added, deleted = await asyncio.gather(
            *(client.patch(f"/Groups/{group_id}", adds(each)) for each in ids),
            client.send("DELETE", f"/Groups/{group_id}"),
        )
        assert is_gone(deleted)
        assert set(statuses(added)) <= {204, 404}
        assert [await groups_of(client, each) for each in ids] == [[]] * 6
        assert (await client.send("GET", f"/Groups/{group_id}")).status == 404


async def test_a_group_too_large_for_one_transaction_goes_while_its_members_change(client: Client) -> None:
    """It goes behind a tombstone, and those who are added or deleted meanwhile get past it."""
    ids = await users(client, 40)
    old, new, leaving = ids[:34], ids[34:37], ids[37:]
    group_id = await client.created(
        "/Groups", displayName=a_name(), members=[{"value": each} for each in old + leaving]
    )
    deleted, *others = await asyncio.gather(
        client.send("DELETE", f"/Groups/{group_id}"),
        *(client.patch(f"/Groups/{group_id}", adds(each)) for each in new),
        *(client.send("DELETE", f"/Users/{each}") for each in leaving),
    )
    assert is_gone(deleted)
    assert set(statuses(others[:3])) <= {204, 404}
    assert all(map(is_gone, others[3:]))
    assert [await groups_of(client, each) for each in old[:2] + new] == [[]] * 5


@pytest.mark.parametrize(("path", "attribute"), KINDS)
async def test_of_ten_deletes_of_one_resource_one_succeeds(client: Client, path: str, attribute: str) -> None:
    """The others find nothing to delete, and it is counted out once."""
    before = await client.total(path)
    resource_id = await client.created(path, **{attribute: a_name()})
    answers = await asyncio.gather(*(client.send("DELETE", f"{path}/{resource_id}") for _ in range(10)))
    won(answers, 204, 404)
    assert await client.total(path) == before


@pytest.mark.parametrize(("path", "attribute"), KINDS)
async def test_of_ten_patches_of_one_version_one_succeeds(client: Client, path: str, attribute: str) -> None:
    """If-Match names the version that all of them have read; nine come too late."""
    made = await client.create(path, **{attribute: a_name()})
    resource, version = f"{path}/{made.body['id']}", made.body["meta"]["version"]
    answers = await asyncio.gather(
        *(client.patch(resource, sets("externalId", f"by-{number}"), if_match=version) for number in range(10))
    )
    winners = won(answers, PATCHED[path], 412)
    by = (await client.read(resource))["externalId"]
    assert by in [f"by-{number}" for number, answer in enumerate(answers) if answer in winners or answer.repeated]
    assert not winners or by == f"by-{answers.index(winners[0])}"


@pytest.mark.parametrize(("path", "attribute"), KINDS)
async def test_a_name_created_and_deleted_by_many_belongs_to_one_at_most(
    client: Client, path: str, attribute: str
) -> None:
    """What stays at the end is what its creator did not delete, and the count says so."""
    name, before = a_name(), await client.total(path)
    unknown: list[Answer] = []
    """Refusals of requests an earlier try of which may have created what is there."""

    async def create() -> Answer:
        made = await client.send("POST", path, {attribute: name})
        assert made.status in {201, 409}, made
        unknown.extend([made] if made.status == 409 and made.repeated else [])
        return made

    async def turns() -> int:
        for _ in range(4):
            made = await create()
            if made.status == 201:
                assert is_gone(await client.send("DELETE", f"{path}/{made.body['id']}"))
        return int((await create()).status == 201)

    kept = sum(await asyncio.gather(*(turns() for _ in range(4))))
    found = (await client.read(f'{path}?filter={attribute} eq "{name}"'))["totalResults"]
    assert kept <= found <= 1
    assert kept == found or unknown
    assert await client.total(path) == before + found
