"""Workers that share a directory, each with facts that must be true at the end whatever the others do."""

import json
from collections.abc import Iterable
from typing import Any, cast

from scim.commands.verify import verify
from tests.crash.hooks import KEY, LATER, Receiver, delivery
from tests.crash.replay import Application
from tests.crash.schedule import PATIENCE, ScheduledRows, Worker
from tests.crash.world import PATCH_OP, Client, make_app, user_body

ROUNDS = 4


class Facts:
    """What was acknowledged to somebody, and is to be found at the end."""

    def __init__(self) -> None:
        self.attributes: dict[tuple[str, str], str] = {}
        """The value of an attribute of a user, by id and attribute."""
        self.parts: dict[tuple[str, str], int] = {}
        """The part of a shared text, by id and writer."""
        self.members: dict[tuple[str, str], bool] = {}
        """Whether somebody is a member of a group, by ids of group and member."""
        self.lists: dict[str, dict[str, frozenset[str]]] = {}
        """For groups whose members are replaced as a whole: the last list of each writer."""
        self.names: dict[str, str] = {}
        """The name of a user, by id."""
        self.applications: list[Application] = []
        """Those who follow the feed."""
        self.receivers: list[Receiver] = []
        """Those who get all events by a webhook."""
        self.leaving: set[str] = set()
        """Ids of those whose delete was asked for."""
        self.deleted: set[str] = set()
        """Ids of those whose delete was acknowledged."""


def replacing(path: str, value: object) -> dict[str, Any]:
    """Return a PATCH that replaces one attribute."""
    return {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": path, "value": value}]}


def membership(op: str, ids: Iterable[str]) -> dict[str, Any]:
    """Return a PATCH that adds, removes or replaces members."""
    value = [{"value": each} for each in ids]
    return {"schemas": [PATCH_OP], "Operations": [{"op": op, "path": "members", "value": value}]}


async def write_attribute(worker: Worker, facts: Facts, user: str, attribute: str) -> None:
    """Write an attribute of a shared user of which others write other attributes."""
    for number in range(ROUNDS):
        value = f"{worker.name} {number}"
        answer = await worker.send("PATCH", f"/Users/{user}", replacing(attribute, value))
        assert answer.status == 200, answer.body
        facts.attributes[user, attribute] = value


async def toggle_members(worker: Worker, facts: Facts, groups: list[str], own: list[str]) -> None:
    """Add and remove members of its own in shared groups, several at a time."""
    for _ in range(ROUNDS):
        group, op = worker.choice.choice(groups), worker.choice.choice(["add", "remove"])
        chosen = worker.choice.sample(own, worker.choice.randint(1, len(own)))
        body = membership(op, chosen)
        answer = await worker.send("PATCH", f"/Groups/{group}", body)
        assert answer.status == 204, answer.body
        facts.members.update({(group, each): op == "add" for each in chosen})


async def replace_members(worker: Worker, facts: Facts, group: str, users: list[str]) -> None:
    """Say who all members of a group are, against others who do the same, sometimes with a PUT."""
    for _ in range(ROUNDS):
        chosen = worker.choice.sample(users, worker.choice.randint(0, len(users)))
        put = worker.choice.random() < 0.5
        body = membership("replace", chosen)
        if put:
            body = {"displayName": "replaced", "members": [{"value": each} for each in chosen]}
        method = "PUT" if put else "PATCH"
        answer = await worker.send(method, f"/Groups/{group}", body)
        assert answer.status in (200, 204), answer.body
        facts.lists.setdefault(group, {})[worker.name] = frozenset(chosen)


async def contend_for_names(worker: Worker, facts: Facts, own: str) -> None:
    """Take names that others want too, for a user that there is and for new ones, and give them back."""
    for _ in range(ROUNDS):
        name = worker.choice.choice(["wanted", "desired"])
        answer = await worker.send("PATCH", f"/Users/{own}", replacing("userName", name))
        assert answer.status in (200, 409), answer.body
        if answer.status == 200:
            facts.names[own] = name
        if worker.choice.random() < 0.5:
            free = f"{worker.name} rests"
            answer = await worker.send("PATCH", f"/Users/{own}", replacing("userName", free))
            assert answer.status == 200, answer.body
            facts.names[own] = free


async def come_and_go(worker: Worker, facts: Facts, groups: list[str]) -> None:
    """Create a user, find it by each look-up, make it a member, delete it; it must be a member of nothing then."""
    for number in range(ROUNDS):
        body = user_body(0) | {"userName": f"{worker.name} {number}", "externalId": f"{worker.name} {number}"}
        created = await worker.create("/Users", body)
        await _check_found(worker, str(body["externalId"]), created)
        for group in groups:
            answer = await worker.send("PATCH", f"/Groups/{group}", membership("add", [created]))
            assert answer.status == 204, answer.body
        if worker.choice.random() < 0.7:
            await worker.delete(f"/Users/{created}")
            facts.deleted.add(created)
        else:
            facts.names[created] = body["userName"]
            facts.members.update({(group, created): True for group in groups})


async def share_an_attribute(worker: Worker, facts: Facts, user: str) -> None:
    """Write its own part of a text that others write too: read, change, write if unchanged."""
    path = f"/Users/{user}"
    for number in range(ROUNDS):
        for _ in range(PATIENCE):
            found = (await worker.send("GET", path)).body
            parts = json.loads(found.get("userType", "{}")) | {worker.name: number}
            body = replacing("userType", json.dumps(parts))
            answer = await worker.send("PATCH", path, body, {"If-Match": found["meta"]["version"]})
            if answer.status == 200:
                break
            assert answer.status == 412, answer.body
        facts.parts[user, worker.name] = number


async def rewrite_members(worker: Worker, facts: Facts, group: str, own: str) -> None:
    """Be a member and be none: read the group, put it back with another list of members if it is unchanged."""
    path = f"/Groups/{group}"
    for number in range(ROUNDS):
        there = number % 2 == 0
        for _ in range(PATIENCE):
            found = (await worker.send("GET", path)).body
            listed = {each["value"] for each in found.get("members", [])} - {own} | ({own} if there else set())
            body = {"displayName": found["displayName"], "members": [{"value": each} for each in sorted(listed)]}
            answer = await worker.send("PUT", path, body, {"If-Match": found["meta"]["version"]})
            if answer.status == 200:
                break
            assert answer.status == 412, answer.body
        facts.members[group, own] = there


async def quarrel(worker: Worker, group: str, users: list[str], rounds: int = 2 * ROUNDS) -> None:
    """Add and remove the same members as others do: nobody knows how it ends, but it must end whole."""
    first = worker.choice.randrange(2)
    for number in range(rounds):
        op = ("add", "remove")[(first + number) % 2]
        answer = await worker.send("PATCH", f"/Groups/{group}", membership(op, users))
        assert answer.status == 204, answer.body


async def join_the_doomed(worker: Worker, groups: list[str], users: list[str]) -> None:
    """Make members of groups that another worker deletes: that may be refused, and must leave no ghost."""
    for group in groups:
        for user in users:
            answer = await worker.send("PATCH", f"/Groups/{group}", membership("add", [user]))
            assert answer.status in (204, 404), answer.body


async def disband_the_doomed(worker: Worker, facts: Facts, groups: list[str]) -> None:
    """Delete groups that others join."""
    for group in groups:
        facts.leaving.add(group)
        await worker.delete(f"/Groups/{group}")
        facts.deleted.add(group)


async def add_the_doomed(worker: Worker, groups: list[str], doomed: list[str]) -> None:
    """Make members of users whom another worker deletes: that may be refused, and must leave no ghost."""
    for user in doomed:
        for group in groups:
            answer = await worker.send("PATCH", f"/Groups/{group}", membership("add", [user]))
            assert answer.status in (204, 400), answer.body


async def delete_the_doomed(worker: Worker, facts: Facts, doomed: list[str]) -> None:
    """Delete users whom another worker makes members."""
    for user in doomed:
        await worker.delete(f"/Users/{user}")
        facts.deleted.add(user)


async def found_and_disband(worker: Worker, facts: Facts, members: list[str]) -> None:
    """Create groups with more members than fit into a transaction, and delete some of them."""
    for number in range(ROUNDS // 2):
        body = {"displayName": f"club {worker.name} {number}", "members": [{"value": each} for each in members]}
        created = await worker.create("/Groups", body)
        if worker.choice.random() < 0.5:
            facts.leaving.add(created)
            await worker.delete(f"/Groups/{created}")
            facts.deleted.add(created)
        else:
            facts.members.update({(created, each): True for each in members})


async def watch(worker: Worker, facts: Facts, groups: list[str], club: int) -> None:
    """Read groups and users: nobody deleted is seen anywhere, and new groups are seen with all of their members."""
    for _ in range(2 * ROUNDS):
        gone = set(facts.deleted)
        listed = (await worker.send("GET", "/Groups?count=100")).body["Resources"]
        seen = {each["id"]: {member["value"] for member in each.get("members", [])} for each in listed}
        for group in groups:
            answer = await worker.send("GET", f"/Groups/{group}")
            seen[group] |= {member["value"] for member in answer.body.get("members", [])}
        for group, members in seen.items():
            assert group not in gone
            assert not members & gone, "a deleted user is seen as a member"
        clubs = [each for each in listed if each["displayName"].startswith("club ") and each["id"] not in facts.leaving]
        assert all(len(seen[each["id"]]) == club for each in clubs), "a group is seen before all of its members"
        for user in gone:
            answer = await worker.send("GET", f"/Groups?filter=members.value%20eq%20%22{user}%22")
            assert not answer.body["Resources"], "a deleted user is found as a member"


async def stare(worker: Worker, facts: Facts, group: str) -> None:
    """Read one group again and again: nobody deleted is seen in it."""
    for _ in range(5 * ROUNDS):
        gone = set(facts.deleted)
        found = (await worker.send("GET", f"/Groups/{group}")).body
        assert not {member["value"] for member in found.get("members", [])} & gone, "a deleted user is seen as a member"


async def walk(worker: Worker, residents: set[str]) -> None:
    """Walk all users by cursor: everybody who was there all along comes once, and it ends."""
    for _ in range(2):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            path = f"/Users?count=3&attributes=userName&cursor={cursor}"
            page = (await worker.send("GET", path)).body
            found += [each["id"] for each in page["Resources"]]
            cursor = page.get("nextCursor")
        assert len(set(found)) == len(found), "somebody comes twice"
        assert residents <= set(found), "somebody is missed"


async def follow(worker: Worker, application: Application) -> None:
    """Follow the feed; what is read of it must be in order and without a gap at any moment."""

    async def read(client: Client) -> None:
        await application.follow(client.app)

    for _ in range(2 * ROUNDS):
        await worker.do(read)


async def deliver(worker: Worker, receiver: Receiver) -> None:
    """Deliver to webhooks beside somebody else, each with a clock of his own, so that leases run out at any moment."""
    hours = 0.0

    async def run(client: Client) -> None:
        rows = cast(ScheduledRows, client.app.tenant.rows)
        app = make_app(rows, f"{worker.name} {hours}", hours, rows.pause, webhook_key=KEY)

        async def fate(_: str) -> None:
            await rows._enter()

        await delivery(app, receiver, fate).run(1000.0)

    for _ in range(2 * ROUNDS):
        hours += worker.choice.choice([0.0, 0.01, LATER])
        await worker.do(run)


async def keep_up(worker: Worker, times: int) -> None:
    """Do what the timer does."""
    for _ in range(times):
        await worker.do(_run_timer)


async def verify_meanwhile(worker: Worker) -> None:
    """Verify and repair while everybody else is at work: there is never anything wrong."""
    said: list[str] = []

    async def verified(client: Client) -> None:
        await verify(client.app.tenants.default, True, said.append)

    await worker.do(verified)
    assert not said


async def _run_timer(client: Client) -> None:
    await client.app.maintenance.run()


async def _check_found(worker: Worker, external_id: str, resource_id: str) -> None:
    answer = await worker.send("GET", f"/Users?filter=externalId%20eq%20%22{external_id.replace(' ', '%20')}%22")
    assert [each["id"] for each in answer.body["Resources"]] == [resource_id], "a filter misses what was just written"
