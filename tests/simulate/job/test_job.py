"""What the job remembers between cycles, with the source changed by hand."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from scim.simulate.job.cleaning import look
from scim.simulate.job.cycles import Job
from scim.simulate.job.dialect import Dialects
from scim.simulate.job.journal import Action, Subject
from scim.simulate.job.progress import Silent
from scim.simulate.job.session import Ownership, Session
from scim.simulate.report.readback import Findings, ReadBack
from scim.simulate.source.directory import Person, Standing, Team
from scim.simulate.source.invention import Invention
from scim.simulate.wire.endpoint import Endpoint, Kind
from scim.simulate.wire.transport import Transport, Wire
from tests.simulate.stand_in import Seen, StandIn, error


@dataclass
class Play:
    """Three people, the second and third reporting to the first, and one team of the last two."""

    job: Job
    people: list[Person]
    team: Team
    stand_in: StandIn

    async def cycle(self, *changed: Person | Team) -> list[str]:
        """Run an incremental cycle and return what it sent, but for the connection test."""
        self.stand_in.requests.clear()
        people = [each.key for each in changed if isinstance(each, Person)]
        await self.job.incremental_cycle(people, [each.key for each in changed if isinstance(each, Team)], {})
        return [f"{seen.method} {seen.path}" for seen in self.stand_in.requests[2:]]

    async def findings(self) -> Findings:
        return await ReadBack(self.job.session, 1, 100, Silent()).run()

    def id(self, person: Person) -> str:
        return self.job.session.links.people[person.key]

    def operations(self) -> list[Any]:
        return [op for seen in self.stand_in.sent("PATCH") for op in seen.body["Operations"]]

    def lose(self, method: str, part: str) -> None:
        """Have the next such request do its work, and its answer get lost."""
        left = [True]

        def fault(seen: Seen) -> Any:
            if left and seen.method == method and part in seen.path:
                left.pop()
                kind, _, identifier = seen.path.removeprefix("/").partition("/")
                self.stand_in.respond(seen, kind, identifier or None)
                return error(500, "lost")
            return None

        self.stand_in.fault = fault


@pytest_asyncio.fixture
async def play(stand_in: StandIn, endpoint: tuple[str, str]) -> AsyncIterator[Play]:
    invention = Invention(1)
    directory = invention.directory(3, 0, 0)
    people = list(directory.people.values())
    team = invention.team(people[1:], 2)
    directory.add_team(team)
    async with Transport(Wire(*endpoint, max_wait=0.0)) as transport:
        ownership = Ownership(directory, invention.mark)
        session = Session(directory, Endpoint(transport), Dialects("default"), ownership)
        yield Play(Job(session, 1, Silent()), people, team, stand_in)


async def test_disabling_and_restoring_a_user(play: Play) -> None:
    """Active alone goes off; then nothing; then the user is looked for, and no membership is sent again."""
    await play.job.initial_cycle()
    person = play.people[1]
    path = f"/Users/{play.id(person)}"

    person.standing = Standing.LEFT
    assert await play.cycle(person) == [f"GET {path}", f"PATCH {path}"]
    assert play.operations() == [{"op": "Replace", "path": "active", "value": "False"}]
    assert await play.cycle(person) == []

    person.standing = Standing.PRESENT
    assert await play.cycle(person) == ["GET /Users", f"PATCH {path}"]
    assert play.operations() == [{"op": "Replace", "path": "active", "value": "True"}]
    assert (await play.findings()).differences == []


async def test_a_deleted_user_is_not_removed_from_groups(play: Play) -> None:
    """The target forgets the memberships with the user; a removal would name an id that is gone."""
    await play.job.initial_cycle()
    person = play.people[1]
    path = f"/Users/{play.id(person)}"

    person.standing = Standing.GONE
    play.team.members.discard(person.key)
    group = f"/Groups/{play.job.session.links.teams[play.team.key]}"
    assert await play.cycle(person, play.team) == [f"DELETE {path}", f"GET {group}"]
    assert (await play.findings()).differences == []


async def test_a_member_who_left_while_the_addition_was_in_doubt_is_removed(play: Play) -> None:
    """The lost request may have added the member."""
    play.lose("PATCH", "/Groups")
    await play.job.initial_cycle()
    play.team.members.discard(play.people[1].key)

    await play.cycle(play.team)

    assert [operation["op"] for operation in play.operations()] == ["Add", "Remove"]
    assert (await play.findings()).differences == []


async def test_a_member_who_came_back_while_the_removal_was_in_doubt_is_added(play: Play) -> None:
    """The lost request may have removed the member."""
    await play.job.initial_cycle()
    play.lose("PATCH", "/Groups")
    play.team.members.discard(play.people[1].key)
    await play.cycle(play.team)
    play.team.members.add(play.people[1].key)

    await play.cycle(play.team)

    assert [operation["op"] for operation in play.operations()] == ["Add"]
    assert (await play.findings()).differences == []


async def test_a_manager_in_doubt_is_written_again(play: Play) -> None:
    """After a lost answer the manager before may be the one that the target no longer shows."""
    await play.job.initial_cycle()
    first, second, third = play.people
    play.lose("PATCH", "/Users")
    third.manager = second.key
    await play.cycle(third)
    play.stand_in.fault = lambda seen: error(500, "no reading today") if seen.path == "/Users" else None
    third.manager = first.key
    play.job.session.queue(Subject.MANAGER, third.key)

    await play.cycle()

    assert [operation["value"] for operation in play.operations()] == [play.id(first)]


async def test_a_second_job_removes_the_members_that_an_earlier_one_left(play: Play) -> None:
    """An initial cycle adds every member; who is too many is known from the look before it."""
    await play.job.initial_cycle()
    play.team.members.discard(play.people[1].key)
    session = play.job.session
    again = Session(session.directory, session.endpoint, session.dialects, session.ownership)
    again.earlier = await look(again, 100)

    await Job(again, 1, Silent()).initial_cycle()

    assert again.journal.total(Action.CREATED) == 0
    assert (again.journal.members_added, again.journal.members_removed) == (1, 1)


async def test_members_that_others_added_are_not_removed(play: Play) -> None:
    """Only users of this directory are the simulator's to remove."""
    await play.job.initial_cycle()
    [group] = play.stand_in.resources["Groups"].values()
    group["members"].append({"value": "stranger"})

    earlier = await look(play.job.session, 100)

    assert "stranger" not in earlier.members[group["id"]]
    assert len(earlier.members[group["id"]]) == 2


async def test_a_disabled_user_is_compared_with_what_was_written_last(play: Play) -> None:
    """Changes that come after the disabling, or failed before it, are never sent."""
    await play.job.initial_cycle()
    person = play.people[1]
    person.standing = Standing.LEFT
    await play.cycle(person)
    person.attributes["name.givenName"] = "Changed"

    assert (await play.findings()).differences == []


async def test_what_an_earlier_run_left_is_counted_and_no_difference(play: Play) -> None:
    """A shorter run after a longer one meets objects that it does not know."""
    left = {"id": "left", "userName": "somebody.99@seed1.simulate.example", "externalId": "99"}
    play.stand_in.resources["Users"]["left"] = left
    play.job.session.earlier = await look(play.job.session, 100)
    await play.job.initial_cycle()

    findings = await play.findings()
    assert (findings.left_over, findings.orphans, findings.differences) == (1, 0, [])


async def test_a_lost_creation_of_somebody_renamed_leaves_one_orphan_and_no_more(play: Play) -> None:
    """The retry cannot find the old name, so it creates again, as Entra would; a third one is a difference."""
    play.lose("POST", "/Users")
    await play.job.initial_cycle()
    person = play.people[0]
    person.attributes["userName"] = "renamed@seed1.simulate.example"
    await play.cycle(person)
    third = {**play.stand_in.user(person.name), "id": "third", "userName": "third@seed1.simulate.example"}
    play.stand_in.resources["Users"]["third"] = third

    findings = await play.findings()
    assert findings.orphans == 1
    assert [one.found for one in findings.differences] == ["one more, id third"]


async def test_a_creation_whose_answer_was_lost_counts_as_created(play: Play) -> None:
    """Cleaning after a file deletes it too."""
    play.lose("POST", "/Users")
    await play.job.initial_cycle()
    await play.cycle()

    links = play.job.session.links
    assert links.created[Kind.USERS] == set(links.people.values())
    assert len(links.people) == 3
