"""The whole store, as a client sees it, compared with what its workers were told."""

from typing import Any

from tests.races.client import Client
from tests.races.journal import SHARED, Journal, Person, World


async def listed(client: Client, path: str) -> list[Any]:
    """Return all resources of a kind, fewer than fit on a page."""
    page = await client.read(f"{path}?count=200")
    assert len(page["Resources"]) == page["totalResults"]
    return list(page["Resources"])


def pairs(resources: list[Any], edges: str) -> set[tuple[str, str]]:
    """Return the ids of all resources with those that they are connected to."""
    return {(each["id"], edge["value"]) for each in resources for edge in each.get(edges, [])}


async def observe(client: Client, journals: list[Journal]) -> None:
    """Compare what is there with the journals, and go on from it: what was acknowledged must be there.

    A request without an answer was carried out as a whole or not at all.
    """
    users, groups = await listed(client, "/Users"), await listed(client, "/Groups")
    assert pairs(users, "groups") == {(member, group) for group, member in pairs(groups, "members")}
    names = {each["id"]: each["displayName"] for each in groups}
    for journal in journals:
        mine = [each for each in users if each["userName"].startswith(f"{journal.worker}-")]
        people = {
            each["userName"]: Person(each["title"], frozenset(names[edge["value"]] for edge in each.get("groups", [])))
            for each in mine
        }
        world = World(people, club=journal.club in names.values())
        assert world in (journal.world, journal.asked)
        journal.world = journal.asked = world
        journal.ids |= {each["userName"]: each["id"] for each in mine} | {name: key for key, name in names.items()}
    assert len(users) == sum(len(journal.world.people) for journal in journals)
    assert len(groups) == len(SHARED) + sum(journal.world.club for journal in journals)
