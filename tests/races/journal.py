"""What a worker has been told of the resources that are its own, and what it asks for next."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from tests.races.client import PATCH_SCHEMA

SHARED = ("everyone", "licensed")
"""Groups that all workers put their people into and take them from."""


class Person(NamedTuple):
    """A user: the title, and the names of the groups."""

    title: str
    groups: frozenset[str]


@dataclass(frozen=True)
class World:
    """The users of a worker by name, and whether the group of its own is there."""

    people: Mapping[str, Person]
    club: bool = False


class Step(NamedTuple):
    """A request, and the world after it."""

    method: str
    path: str
    body: Any
    after: World


@dataclass
class Journal:
    """The worker's world as acknowledged, the one that an unanswered request may have made, and the ids in it."""

    worker: str
    chance: random.Random
    ids: dict[str, str]
    world: World = World({})
    asked: World = World({})

    @property
    def club(self) -> str:
        """The name of the worker's own group."""
        return f"club-{self.worker}"

    def next_step(self) -> Step:
        """Return something that can be done in the world: all kinds come up, creations where there is room."""
        name = f"{self.worker}-{self.chance.randrange(4)}"
        person = self.world.people.get(name)
        if not self.world.club:
            return self._found_club()
        if person is None:
            fresh = Person(self._title(), frozenset())
            return Step("POST", "/Users", {"userName": name, "title": fresh.title}, self._with(name, fresh))
        kind = self.chance.randrange(10)
        if kind == 0:
            return Step("DELETE", f"/Users/{self.ids[name]}", None, self._with(name, None))
        if kind == 1:
            return self._dissolve_club()
        if kind <= 4:
            changed = person._replace(title=self._title())
            operation = {"op": "replace", "path": "title", "value": changed.title}
            return Step("PATCH", f"/Users/{self.ids[name]}", _patch(operation), self._with(name, changed))
        return self._move(name, person)

    def note(self, step: Step, answer: Any) -> None:
        """Take a step as done; its answer is the body."""
        self.world = self.asked = step.after
        if step.method == "POST":
            self.ids[step.body.get("userName") or step.body["displayName"]] = answer["id"]

    def _title(self) -> str:
        return f"title-{self.chance.randrange(10**6)}"

    def _with(self, name: str, person: Person | None) -> World:
        others = {each: one for each, one in self.world.people.items() if each != name}
        return replace(self.world, people=others | ({name: person} if person else {}))

    def _found_club(self) -> Step:
        people = {name: each._replace(groups=each.groups | {self.club}) for name, each in self.world.people.items()}
        members = [{"value": self.ids[name]} for name in people]
        return Step("POST", "/Groups", {"displayName": self.club, "members": members}, World(people, club=True))

    def _dissolve_club(self) -> Step:
        people = {name: each._replace(groups=each.groups - {self.club}) for name, each in self.world.people.items()}
        return Step("DELETE", f"/Groups/{self.ids[self.club]}", None, World(people, club=False))

    def _move(self, name: str, person: Person) -> Step:
        """Put somebody into a group, or take them from it if they are in it."""
        group, user_id = self.chance.choice((*SHARED, self.club)), self.ids[name]
        operation: dict[str, Any] = {"op": "add", "path": "members", "value": [{"value": user_id}]}
        if group in person.groups:
            operation = {"op": "remove", "path": f'members[value eq "{user_id}"]'}
        after = self._with(name, person._replace(groups=person.groups ^ {group}))
        return Step("PATCH", f"/Groups/{self.ids[group]}", _patch(operation), after)


def _patch(operation: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH_SCHEMA], "Operations": [operation]}
