"""One user and one group through their life, step by step, in both dialects; in the end nothing is left behind."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from scim.simulate.job.dialect import Default, Dialect, Edit, Flag
from scim.simulate.source.mapping import ENTERPRISE, GROUP_SCHEMA, USER_SCHEMA, read
from scim.simulate.wire.endpoint import Endpoint, Kind
from scim.simulate.wire.failure import INCOMPATIBLE, Failure

DEPARTMENT = f"{ENTERPRISE}:department"


@dataclass(frozen=True, slots=True)
class Step:
    """What was tried, and why it failed; None when it did not."""

    name: str
    failure: Failure | None = None


class Life:
    """What is created carries a random name, so that no resource that is there already is touched."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._name = f"scim-check-{uuid.uuid4()}"
        self._user = self._group = ""

    async def steps(self) -> AsyncIterator[Step]:
        """Try one step after the other, and yield how each went; what was not created has no further ones."""
        yield await self._tried("user: create", self._create_user)
        if self._user:
            yield await self._tried("user: find by userName", self._find_user)
            for dialect in (Default(), Flag()):
                yield await self._tried(f"user: change, {dialect.name} dialect", partial(self._change, dialect))
                yield await self._tried(
                    f"user: disable and enable, {dialect.name} dialect", partial(self._disable, dialect)
                )
            yield await self._tried("group: create", self._create_group)
        if self._group:
            for dialect in (Default(), Flag()):
                yield await self._tried(f"group: members, {dialect.name} dialect", partial(self._members, dialect))
            yield await self._tried("group: rename", self._rename)
            yield await self._tried("group: delete", self._delete_group)
        if self._user:
            yield await self._tried("user: delete", self._delete_user)

    async def leftovers(self) -> list[str]:
        """Delete what a failed step has left; return the addresses of what cannot be deleted."""
        left = []
        for kind, identifier in ((Kind.GROUPS, self._group), (Kind.USERS, self._user)):
            if identifier:
                try:
                    await self._endpoint.delete(kind, identifier)
                except Failure:
                    left.append(f"/{kind}/{identifier}")
        return left

    async def _tried(self, name: str, step: Callable[[], Awaitable[None]]) -> Step:
        try:
            await step()
        except Failure as failure:
            return Step(name, failure)
        return Step(name)

    async def _create_user(self) -> None:
        body = {
            "schemas": [USER_SCHEMA, ENTERPRISE],
            "externalId": self._name,
            "userName": f"{self._name}@contoso.example",
            "active": True,
            "name": {"givenName": "Mira", "familyName": "Check"},
            "emails": [{"type": "work", "value": f"{self._name}@contoso.example", "primary": True}],
            ENTERPRISE: {"department": "Sales"},
        }
        self._user = (await self._endpoint.create(Kind.USERS, body))["id"]

    async def _find_user(self) -> None:
        found = await self._endpoint.match(Kind.USERS, "userName", f"{self._name}@contoso.example".upper())
        _demand([each["id"] for each in found] == [self._user], "a search by userName in capitals does not find it")

    async def _change(self, dialect: Dialect) -> None:
        wanted = {"name.familyName": f"Of {dialect.name}", DEPARTMENT: f"Dept {dialect.name}"}
        edits = [Edit(path, value, absent=False) for path, value in wanted.items()]
        await self._endpoint.patch(Kind.USERS, self._user, dialect.update(edits), "patch Users")
        user = await self._endpoint.get(Kind.USERS, self._user)
        for path, value in wanted.items():
            _demand(read(user, path) == [value], f"{path} is {read(user, path)} after a PATCH to {value!r}")

    async def _disable(self, dialect: Dialect) -> None:
        for active in (False, True):
            body = dialect.update([Edit("active", active, absent=False)])
            await self._endpoint.patch(Kind.USERS, self._user, body, "patch Users")
            user = await self._endpoint.get(Kind.USERS, self._user)
            _demand(user.get("active") is active, f"active is {user.get('active')!r} after a PATCH to {active}")

    async def _create_group(self) -> None:
        body = {"schemas": [GROUP_SCHEMA], "externalId": self._name, "displayName": self._name}
        self._group = (await self._endpoint.create(Kind.GROUPS, body))["id"]
        found = await self._endpoint.match(Kind.GROUPS, "displayName", self._name)
        _demand([each["id"] for each in found] == [self._group], "a search by displayName does not find the group")

    async def _members(self, dialect: Dialect) -> None:
        for body, expected in (
            (dialect.add_members([self._user]), [self._user]),
            (dialect.remove_members([self._user]), []),
        ):
            await self._endpoint.patch(Kind.GROUPS, self._group, body, "patch Groups")
            group = await self._endpoint.read(Kind.GROUPS, self._group, "", "read Groups")
            members = [each.get("value") for each in group.get("members") or []]
            _demand(members == expected, f"members are {members} where {expected} are due")

    async def _rename(self) -> None:
        edit = Edit("displayName", f"{self._name} renamed", absent=False)
        await self._endpoint.patch(Kind.GROUPS, self._group, Flag().update([edit]), "patch Groups")
        group = await self._endpoint.get(Kind.GROUPS, self._group)
        _demand(group.get("displayName") == edit.value, f"displayName is {group.get('displayName')!r} after a PATCH")

    async def _delete_group(self) -> None:
        await self._endpoint.delete(Kind.GROUPS, self._group)
        await self._gone(Kind.GROUPS, self._group)
        self._group = ""

    async def _delete_user(self) -> None:
        await self._endpoint.delete(Kind.USERS, self._user)
        await self._gone(Kind.USERS, self._user)
        self._user = ""

    async def _gone(self, kind: Kind, identifier: str) -> None:
        try:
            await self._endpoint.get(kind, identifier)
        except Failure as failure:
            if failure.status == 404:
                return
            raise
        raise Failure(INCOMPATIBLE, "what was deleted is still answered", 200)


def _demand(holds: bool, detail: str) -> None:
    if not holds:
        raise Failure(INCOMPATIBLE, detail, 200)
