"""Guards under fire: two servers over one store are asked at once, and neither seats nor the last member give way."""

import asyncio
from typing import NamedTuple

import pytest

from scim.app import build
from scim.directory.resources import Origin
from scim.settings import Settings
from tests.races.client import Client
from tests.races.conftest import Store
from tests.races.test_races import a_name, removes, sets, statuses

FREE = 5
GROUPS = 4


class Crew(NamedTuple):
    """A guarded group and its two members, both active."""

    group: str
    members: tuple[str, str]


@pytest.fixture(scope="module")
def crews(store: Store) -> dict[str, list[Crew]]:
    """Guarded groups by their mode, and a few seats beside; all is there before a server has read the tenant's row."""
    return asyncio.run(_made(store))


async def _made(store: Store) -> dict[str, list[Crew]]:
    app = build(Settings(storage=store.storage, tenant=store.tenant))
    user, group = app.kinds["User"], app.kinds["Group"]
    made: dict[str, list[Crew]] = {"on": [], "strict": []}
    try:
        for mode, crews in made.items():
            for _ in range(GROUPS):
                pair = [await app.directory.create(user, {"userName": a_name()}, Origin()) for _ in range(2)]
                body = {"displayName": a_name(), "members": [{"value": each.id} for each in pair]}
                crew = await app.directory.create(group, body, Origin())
                await app.administration.guard("scim", crew.id, mode)
                crews.append(Crew(crew.id, (pair[0].id, pair[1].id)))
        await app.administration.change("scim", {"seats": 4 * GROUPS + FREE})
        return made
    finally:
        await app.close()


async def test_sixteen_who_want_five_seats(client: Client, crews: dict[str, list[Crew]]) -> None:
    """Creating and enabling at once, twice: whoever finds no seat is told so, and there is none too many."""
    for _ in range(2):
        sleeping = [await client.created("/Users", userName=a_name(), active=False) for _ in range(8)]
        answers = await asyncio.gather(
            *(client.create("/Users", userName=a_name()) for _ in range(8)),
            *(client.patch(f"/Users/{each}", sets("active", True)) for each in sleeping),
        )
        seated = [each for each in answers if each.status in (200, 201)]
        active = await client.read("/Users?count=0&filter=active eq true")
        disabled = 4 * GROUPS - await _active_members(client, crews)
        assert active["totalResults"] == 4 * GROUPS + FREE
        assert len(seated) == FREE + disabled
        assert {each.body["scimType"] for each in answers if each.status == 400} == {"invalidValue"}
        await asyncio.gather(*(client.send("DELETE", f"/Users/{each.body['id']}") for each in seated))


async def _active_members(client: Client, crews: dict[str, list[Crew]]) -> int:
    ids = [each for mode in crews.values() for crew in mode for each in crew.members]
    return sum([(await client.read(f"/Users/{each}"))["active"] for each in ids])


async def test_two_who_are_removed_at_once(client: Client, crews: dict[str, list[Crew]]) -> None:
    """One of them stays."""
    for crew in crews["on"][:2]:
        removals = [client.patch(f"/Groups/{crew.group}", removes(each)) for each in crew.members]
        assert statuses(list(await asyncio.gather(*removals))) == {204: 1, 400: 1}
        assert len((await client.read(f"/Groups/{crew.group}"))["members"]) == 1


async def test_one_who_is_removed_while_the_other_is_disabled(client: Client, crews: dict[str, list[Crew]]) -> None:
    """The disabling goes through; the removal does only if it came first."""
    for crew in crews["on"][2:]:
        disabled, removed = crew.members
        answers = await asyncio.gather(
            client.patch(f"/Users/{disabled}", sets("active", False)),
            client.patch(f"/Groups/{crew.group}", removes(removed)),
        )
        assert [answers[0].status, answers[1].status] in ([200, 204], [200, 400])
        members = {each["value"] for each in (await client.read(f"/Groups/{crew.group}"))["members"]}
        assert members == ({disabled} if answers[1].status == 204 else {disabled, removed})


async def test_two_who_are_disabled_or_removed_at_once_of_a_strict_group(
    client: Client, crews: dict[str, list[Crew]]
) -> None:
    """An active member is left, whatever meets what."""
    for number, crew in enumerate(crews["strict"]):
        first, second = crew.members
        answers = await asyncio.gather(
            client.patch(f"/Users/{first}", sets("active", False)),
            client.patch(f"/Users/{second}", sets("active", False))
            if number % 2
            else client.patch(f"/Groups/{crew.group}", removes(second)),
        )
        assert sorted(each.status < 400 for each in answers) == [False, True]
        members = [each["value"] for each in (await client.read(f"/Groups/{crew.group}"))["members"]]
        assert sum([(await client.read(f"/Users/{each}"))["active"] for each in members]) == 1
