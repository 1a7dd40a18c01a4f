"""What a client or the timer does, each written so that it may be done again after a crash or a lost answer."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from scim.directory.resources import Origin
from tests.crash.world import MANY, Client, user_body


class Case(NamedTuple):
    """An operation; `atomic` when a client never sees it half done."""

    name: str
    act: Callable[[Client], Awaitable[object]]
    atomic: bool = True


async def create_user(client: Client) -> None:
    await client.create("/Users", user_body(1000))


async def create_taken(client: Client) -> None:
    answer = await client.send("POST", "/Users", user_body(0) | {"userName": "USER0"})
    assert answer.status == 409


async def create_group(client: Client) -> None:
    await client.create("/Groups", {"displayName": "new", "members": client.users(1, 2, 3)})


async def create_large_group(client: Client) -> None:
    await client.create("/Groups", {"displayName": "new", "members": client.users(*range(MANY))})


async def change_attributes(client: Client) -> None:
    await client.patch(
        f"/Users/{client.id('user1')}",
        {"op": "replace", "path": "externalId", "value": "changed"},
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "changed@example.com"},
        {"op": "add", "path": "title", "value": "Boss"},
    )


async def change_nothing(client: Client) -> None:
    await client.patch(f"/Users/{client.id('user1')}", {"op": "replace", "path": "externalId", "value": "external1"})


async def rename_user(client: Client) -> None:
    await client.patch(f"/Users/{client.id('user1')}", {"op": "replace", "path": "userName", "value": "renamed"})


async def swap_names(client: Client) -> None:
    first, second = client.id("user1"), client.id("user2")
    for resource_id, name in ((first, "between"), (second, "user1"), (first, "user2")):
        answer = await client.send("PATCH", f"/Users/{resource_id}", _replacing("userName", name))
        assert answer.status == 200 or (answer.status == 409 and name == "between"), answer.body


async def replace_user(client: Client) -> None:
    body = user_body(1) | {"title": "Boss", "emails": [{"value": "only@example.com"}]}
    answer = await client.send("PUT", f"/Users/{client.id('user1')}", body)
    assert answer.status == 200, answer.body


async def change_if_unchanged(client: Client) -> None:
    """With If-Match; after a 412, as after a lost answer, the client reads and decides again."""
    path = f"/Users/{client.id('user1')}"
    for _ in range(2):
        version = (await client.send("GET", path)).body["meta"]["version"]
        answer = await client.send("PATCH", path, _replacing("title", "Boss"), **{"If-Match": version})
        if answer.status == 200:
            return
        assert answer.status == 412, answer.body
    raise AssertionError("nobody else has changed the user")


async def add_member(client: Client) -> None:
    await _change_members(client, "small", "add", 3)


async def add_many(client: Client) -> None:
    await _change_members(client, "empty", "add", *range(MANY))


async def add_again(client: Client) -> None:
    await _change_members(client, "small", "add", 0, 1)


async def remove_member(client: Client) -> None:
    await client.patch(
        f"/Groups/{client.id('small')}",
        {"op": "remove", "path": f'members[value eq "{client.id("user0")}"]'},
    )


async def remove_many(client: Client) -> None:
    await _change_members(client, "large", "remove", *range(MANY - 1))


async def remove_selected(client: Client) -> None:
    """By a filter that says more than an id, so that the members have to be read."""
    await client.patch(f"/Groups/{client.id('circle one')}", {"op": "remove", "path": 'members[type eq "Group"]'})


async def rename_and_add(client: Client) -> None:
    await client.patch(
        f"/Groups/{client.id('small')}",
        {"op": "replace", "path": "displayName", "value": "renamed"},
        {"op": "add", "path": "externalId", "value": "known as"},
        {"op": "add", "path": "members", "value": client.users(*range(3, MANY))},
    )


async def replace_members(client: Client) -> None:
    """With a nearly equal list."""
    await _change_members(client, "large", "replace", *range(2, MANY + 3))


async def replace_group(client: Client) -> None:
    body = {"displayName": "small", "externalId": "put", "members": client.users(0, 3)}
    answer = await client.send("PUT", f"/Groups/{client.id('small')}", body)
    assert answer.status == 200, answer.body


async def empty_group(client: Client) -> None:
    await client.patch(f"/Groups/{client.id('large')}", {"op": "remove", "path": "members"})


async def delete_user(client: Client) -> None:
    await _delete(client, "/Users", "user0")


async def delete_user_in_many_groups(client: Client) -> None:
    await _delete(client, "/Users", f"user{MANY}")


async def delete_group(client: Client) -> None:
    await _delete(client, "/Groups", "small")


async def delete_large_group(client: Client) -> None:
    await _delete(client, "/Groups", "large")


async def delete_in_circle(client: Client) -> None:
    await _delete(client, "/Groups", "circle one")


async def delete_and_create_again(client: Client) -> None:
    """The name is free at once, though memberships of the deleted one may still be there."""
    await _delete(client, "/Groups", "large")
    await client.create("/Groups", {"displayName": "large again", "members": client.users(0)})


async def give_roles(client: Client) -> None:
    """And have one who came before, and one who comes after, told of with the roles of then."""
    roles = client.app.tenants.default.roles
    await _change_members(client, "small", "add", 3)
    await roles.map(client.id("small"), "reader", Origin())
    await roles.map(client.id("empty"), "editor", Origin())
    await _change_members(client, "small", "add", 4)


async def run_timer(client: Client) -> None:
    await client.app.maintenance.run()


async def _delete(client: Client, endpoint: str, name: str) -> None:
    answer = await client.send("DELETE", f"{endpoint}/{client.id(name)}")
    assert answer.status in (204, 404), answer.body


async def _change_members(client: Client, group: str, op: str, *numbers: int) -> None:
    value = client.users(*numbers)
    await client.patch(f"/Groups/{client.id(group)}", {"op": op, "path": "members", "value": value})


def _replacing(path: str, value: str) -> dict[str, Any]:
    return {"Operations": [{"op": "replace", "path": path, "value": value}]}


CASES = [
    Case("publish the feed", run_timer),
    Case("let groups give roles", give_roles, atomic=False),
    Case("create a user", create_user),
    Case("create a user whose name is taken", create_taken),
    Case("create a group with members", create_group),
    Case("create a group with many members", create_large_group),
    Case("change looked-up attributes", change_attributes),
    Case("change nothing", change_nothing),
    Case("rename a user", rename_user),
    Case("swap the names of two users", swap_names, atomic=False),
    Case("replace a user", replace_user),
    Case("change a user with If-Match", change_if_unchanged),
    Case("add a member", add_member),
    Case("add many members", add_many, atomic=False),
    Case("add members who are there", add_again),
    Case("remove a member", remove_member),
    Case("remove many members", remove_many, atomic=False),
    Case("remove members by a filter", remove_selected),
    Case("rename a group and add many members", rename_and_add, atomic=False),
    Case("replace members by a nearly equal list", replace_members),
    Case("replace a group", replace_group),
    Case("take all members out", empty_group, atomic=False),
    Case("delete a user", delete_user),
    Case("delete a user in many groups", delete_user_in_many_groups),
    Case("delete a group", delete_group),
    Case("delete a large group", delete_large_group),
    Case("delete a group in a circle", delete_in_circle),
    Case("delete a group and create another", delete_and_create_again, atomic=False),
]
