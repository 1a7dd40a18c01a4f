"""Plots: who is at work at the same time, everybody or those who could collide."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from scim.storage.sqlite import SqliteRows
from tests.crash import workers
from tests.crash.hooks import Receiver, delivered_at_last, events, make_webhook
from tests.crash.replay import Application, check_told
from tests.crash.schedule import Scheduler, Worker
from tests.crash.workers import Facts
from tests.crash.world import Client, findings, leftovers, make_app, user_body

RISK = 0.01
"""Of each call to be the last of its process, or not to be answered."""

Cast = list[Coroutine[Any, Any, None]]


class Stage:
    """The directory that the workers of a plot share."""

    def __init__(self, seed: int, risk: float = RISK) -> None:
        self.rows = SqliteRows(":memory:")
        self.scheduler, self.facts, self._risk = Scheduler(seed), Facts(), risk
        self.late = 0.0
        """The risk of a commit to arrive after it was given up."""
        self._client = Client(make_app(self.rows, f"stage {seed}"))
        self._number = 0

    def worker(self, name: str, risk: float | None = None) -> Worker:
        """Return a client of that name."""
        return Worker(name, self.rows, self.scheduler, self._risk if risk is None else risk, self.late)

    async def users(self, count: int) -> list[str]:
        """Create users and return their ids."""
        self._number += count
        numbers = range(self._number - count, self._number)
        return [await self._client.create("/Users", user_body(number)) for number in numbers]

    async def groups(self, *names: str, members: tuple[str, ...] = ()) -> list[str]:
        """Create groups with these members and return their ids."""
        listed = [{"value": each} for each in members]
        return [await self._client.create("/Groups", {"displayName": name, "members": listed}) for name in names]


async def everybody(stage: Stage) -> Cast:
    """Some of all who are in other plots."""
    users = await stage.users(12)
    groups, [replaced] = await stage.groups("one", "other"), await stage.groups("replaced")
    fated = await stage.groups(*(f"fated {number}" for number in range(4)))
    shared, own, third, doomed, club = users[0], users[1:4], users[4:7], users[7:10], users[1:7]
    worker, facts, choice = stage.worker, stage.facts, stage.scheduler.choice
    parts = [
        workers.write_attribute(worker("titles"), facts, shared, "title"),
        workers.write_attribute(worker("nicknames"), facts, shared, "nickName"),
        workers.write_attribute(worker("externals"), facts, shared, "externalId"),
        workers.share_an_attribute(worker("one part"), facts, shared),
        workers.share_an_attribute(worker("other part"), facts, shared),
        workers.toggle_members(worker("members"), facts, groups, [shared, *own]),
        workers.toggle_members(worker("more members"), facts, groups, third),
        workers.replace_members(worker("lists"), facts, replaced, users[2:5]),
        workers.replace_members(worker("other lists"), facts, replaced, users[2:5]),
        workers.contend_for_names(worker("names"), facts, users[10]),
        workers.contend_for_names(worker("more names"), facts, users[11]),
        workers.come_and_go(worker("guests"), facts, groups),
        workers.add_the_doomed(worker("adder"), groups, doomed),
        workers.delete_the_doomed(worker("deleter"), facts, doomed),
        workers.found_and_disband(worker("founder"), facts, club),
        workers.quarrel(worker("adversary"), groups[0], users[11:]),
        workers.quarrel(worker("other adversary"), groups[0], users[10:]),
        workers.join_the_doomed(worker("joiner"), fated, own),
        workers.disband_the_doomed(worker("disbander"), facts, fated),
        workers.watch(worker("watcher"), facts, groups, len(club)),
        workers.walk(worker("walker"), {shared, *own, *third}),
        workers.keep_up(worker("timer"), 2),
        workers.keep_up(worker("other timer"), 2),
        workers.verify_meanwhile(worker("verifier", risk=0)),
    ]
    chosen = choice.sample(range(len(parts)), choice.randint(5, 11))
    for number, part in enumerate(parts):
        if number not in chosen:
            part.close()
    return [parts[number] for number in chosen]


async def one_user(stage: Stage) -> Cast:
    """Several write attributes of one user, who also becomes a member and is one no more."""
    [user], groups = await stage.users(1), await stage.groups("one")
    return [
        workers.write_attribute(stage.worker("titles"), stage.facts, user, "title"),
        workers.write_attribute(stage.worker("externals"), stage.facts, user, "externalId"),
        workers.share_an_attribute(stage.worker("one part"), stage.facts, user),
        workers.share_an_attribute(stage.worker("other part"), stage.facts, user),
        workers.toggle_members(stage.worker("members"), stage.facts, groups, [user]),
    ]


async def names(stage: Stage) -> Cast:
    """Several want the same names."""
    users = await stage.users(3)
    return [workers.contend_for_names(stage.worker(f"names {each}"), stage.facts, each) for each in users]


async def lists(stage: Stage) -> Cast:
    """Two say who all members of a group are."""
    users, [group] = await stage.users(3), await stage.groups("replaced")
    return [workers.replace_members(stage.worker(f"lists {n}"), stage.facts, group, users) for n in range(2)]


async def careful(stage: Stage) -> Cast:
    """Several read a group and put it back with If-Match, while another one adds and removes members."""
    users, [group] = await stage.users(3), await stage.groups("careful")
    return [
        workers.rewrite_members(stage.worker("one"), stage.facts, group, users[0]),
        workers.rewrite_members(stage.worker("other"), stage.facts, group, users[1]),
        workers.toggle_members(stage.worker("members"), stage.facts, [group], users[2:]),
    ]


async def quarrels(stage: Stage) -> Cast:
    """Two add and remove the same member, one of them each time at a stroke."""
    users, [group] = await stage.users(1), await stage.groups("one")
    return [
        workers.quarrel(stage.worker("slow", risk=0), group, users, 4),
        workers.quarrel(stage.worker("sudden", risk=0).sudden(), group, users, 25),
    ]


async def doomed_users(stage: Stage) -> Cast:
    """Users are made members while they are deleted."""
    users, groups = await stage.users(3), await stage.groups("one", "other")
    return [
        workers.add_the_doomed(stage.worker("adder"), groups, users),
        workers.delete_the_doomed(stage.worker("deleter"), stage.facts, users),
    ]


async def doomed_groups(stage: Stage) -> Cast:
    """Groups get members while they are deleted."""
    users, groups = await stage.users(3), await stage.groups("one", "other", "third")
    return [
        workers.join_the_doomed(stage.worker("joiner"), groups, users),
        workers.disband_the_doomed(stage.worker("disbander"), stage.facts, groups),
    ]


async def graves(stage: Stage) -> Cast:
    """Users in many groups are deleted, timers remove them from the groups, and somebody looks on."""
    users = await stage.users(3)
    groups = await stage.groups(*(f"group {n}" for n in range(6)), members=(users[0], users[1], users[2]))
    return [
        workers.delete_the_doomed(stage.worker("deleter", risk=0), stage.facts, users),
        workers.keep_up(stage.worker("timer", risk=0).sudden(), 6),
        workers.stare(stage.worker("watcher", risk=0), stage.facts, groups[0]),
        workers.watch(stage.worker("other watcher", risk=0), stage.facts, groups[:1], 0),
    ]


async def clubs(stage: Stage) -> Cast:
    """Groups come to be with many members while the timer runs, and somebody looks on."""
    users = await stage.users(8)
    return [
        workers.found_and_disband(stage.worker("founder"), stage.facts, users),
        workers.keep_up(stage.worker("timer").sudden(), 10),
        workers.watch(stage.worker("watcher"), stage.facts, [], len(users)),
    ]


async def guests(stage: Stage) -> Cast:
    """Users come and go, and somebody walks past all of them by cursor."""
    users, groups = await stage.users(8), await stage.groups("one")
    return [
        workers.come_and_go(stage.worker("guests"), stage.facts, groups),
        workers.come_and_go(stage.worker("more guests"), stage.facts, groups),
        workers.walk(stage.worker("walker"), set(users)),
    ]


async def readers(stage: Stage) -> Cast:
    """Two applications follow the feed, and two processes deliver it to a webhook, while others change and publish."""
    stage.late = 0.03
    await make_webhook(stage.rows)
    receiver, applications = Receiver(), [Application(), Application()]
    stage.facts.receivers.append(receiver)
    stage.facts.applications += applications
    users, groups = await stage.users(3), await stage.groups("one")
    worker, facts = stage.worker, stage.facts
    return [
        workers.write_attribute(worker("titles"), facts, users[0], "title"),
        workers.toggle_members(worker("members"), facts, groups, users),
        workers.come_and_go(worker("guests"), facts, groups),
        *(workers.follow(worker(f"reader {number}"), each) for number, each in enumerate(applications)),
        *(workers.deliver(worker(f"deliverer {number}"), receiver) for number in range(2)),
        workers.keep_up(worker("timer"), 2),
    ]


PLOTS: dict[str, Callable[[Stage], Coroutine[Any, Any, Cast]]] = {
    each.__name__: each
    for each in (
        everybody,
        one_user,
        names,
        lists,
        careful,
        quarrels,
        doomed_users,
        doomed_groups,
        graves,
        clubs,
        guests,
        readers,
    )
}


async def play(plot: str, seed: int, risk: float = RISK) -> int:
    """Play one schedule of a plot and check its end; return how many calls to storage it had."""
    stage = Stage(seed, risk)
    try:
        await stage.scheduler.run(await PLOTS[plot](stage))
        await _check(stage.rows, stage.facts)
        return stage.scheduler.calls
    except BaseException as error:
        error.add_note(f"plot {plot}, seed {seed}")
        raise
    finally:
        stage.rows._db.close()


async def _check(rows: SqliteRows, facts: Facts) -> None:
    assert await findings(rows) == []
    await make_app(rows, "last timer", hours=2).maintenance.run()
    assert await findings(rows) == []
    assert not await leftovers(rows)
    await check_told(rows)
    client = Client(make_app(rows, "reader"))
    users = {each["id"]: each for each in (await client.send("GET", "/Users?count=1000")).body["Resources"]}
    groups = {each["id"]: each for each in (await client.send("GET", "/Groups?count=1000")).body["Resources"]}
    members = {group: {each["value"] for each in found.get("members", [])} for group, found in groups.items()}
    for (user, attribute), value in facts.attributes.items():
        assert users[user][attribute] == value
    for (group, member), there in facts.members.items():
        assert (member in members[group]) == there, (group, member, there)
    for (user, writer), number in facts.parts.items():
        assert json.loads(users[user]["userType"])[writer] == number
    for user, name in facts.names.items():
        assert users[user]["userName"] == name
    for group, lists in facts.lists.items():
        assert members[group] in list(lists.values()), "two lists are mixed"
    head, _ = await client.app.feed.head()
    for application in facts.applications:
        await application.follow(client.app)
        assert application.last == head.last
    for receiver in facts.receivers:
        await delivered_at_last(rows, receiver)
        receiver.check(events(*range(1, head.last + 1)))
    assert not facts.deleted & (users.keys() | groups.keys() | set().union(*members.values()))
