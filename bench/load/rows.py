"""The rows of the comparison: what is asked of every server, and the proof that each answers what it should."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.load import samples
from bench.load.generator import Answer, Connection, Tenant

PAGE = 100


@dataclass
class State:
    """What one server holds: ids of users, and of the group whose members they all are."""

    tenant: Tenant
    users: list[str] = field(default_factory=list)
    group: str = ""


@dataclass(frozen=True)
class Row:
    """One row: its name, how its n-th request looks, and how many a round takes at most, as a share of the users.

    `undoes` names the row whose requests this one takes back, number by number.
    """

    name: str
    make: Callable[[State, int], bytes]
    share: float = 100.0
    undoes: str = ""


def _create(state: State, number: int) -> bytes:
    return state.tenant.request("POST", "/Users", samples.user(number, "new"))


def _get(state: State, number: int) -> bytes:
    return state.tenant.request("GET", f"/Users/{_user(state, number)}")


def _filter(attribute: str, value: str) -> str:
    return f"/Users?filter={attribute}+eq+%22{value}%22"


def _hit(state: State, number: int) -> bytes:
    return state.tenant.request("GET", _filter("userName", samples.user_name(number % len(state.users))))


def _miss(state: State, number: int) -> bytes:
    return state.tenant.request("GET", _filter("userName", f"nobody{number}@contoso.example"))


def _external_id(state: State, number: int) -> bytes:
    return state.tenant.request("GET", _filter("externalId", samples.external_id(number % len(state.users))))


def _patch(state: State, number: int) -> bytes:
    return state.tenant.request("PATCH", f"/Users/{_user(state, number)}", samples.changed_user(f"n{number}"))


def _list(state: State, number: int) -> bytes:
    pages = max(len(state.users) // PAGE, 1)
    return state.tenant.request("GET", f"/Users?startIndex={number % pages * PAGE + 1}&count={PAGE}")


def _remove_member(state: State, number: int) -> bytes:
    body = samples.removed_member(_user(state, number))
    return state.tenant.request("PATCH", f"/Groups/{state.group}", body)


def _add_member(state: State, number: int) -> bytes:
    return state.tenant.request("PATCH", f"/Groups/{state.group}", samples.added_member(_user(state, number)))


def _group_without_members(state: State, _: int) -> bytes:
    return state.tenant.request("GET", f"/Groups/{state.group}?excludedAttributes=members")


def _user(state: State, number: int) -> str:
    return state.users[number % len(state.users)]


ROWS = (
    Row("create a user", _create),
    Row("GET a user", _get),
    Row("filter userName eq, hit", _hit),
    Row("filter userName eq, miss", _miss),
    Row("filter externalId eq", _external_id),
    Row("PATCH a user", _patch),
    Row("list a page of 100", _list),
    Row("group: remove a member", _remove_member, share=0.25),
    Row("group: add a member", _add_member, share=0.25, undoes="group: remove a member"),
    Row("group without members", _group_without_members),
)


async def populate(tenant: Tenant, connections: Sequence[Connection], users: int) -> State:
    """Create users, and a group with all of them. Raises SystemExit when a server refuses."""
    state = State(tenant, [""] * users)

    async def create(connection: Connection, numbers: range) -> None:
        for number in numbers:
            answer = await connection.ask(tenant.request("POST", "/Users", samples.user(number)))
            state.users[number] = _body(answer)["id"]

    await asyncio.gather(*(create(each, range(at, users, len(connections))) for at, each in enumerate(connections)))
    answer = await connections[0].ask(tenant.request("POST", "/Groups", samples.group("Everybody", state.users)))
    state.group = _body(answer)["id"]
    return state


async def prove(state: State, connection: Connection) -> None:
    """Raise SystemExit unless the server answers each row's question with what was stored."""

    async def ask(request: bytes) -> samples.Body:
        return _body(await connection.ask(request))

    async def members() -> set[str]:
        group = await ask(state.tenant.request("GET", f"/Groups/{state.group}"))
        return {each["value"] for each in group.get("members", [])}

    everybody, first = set(state.users), state.users[0]
    _must((await ask(_get(state, 0)))["id"] == first, "GET a user")
    _must([each["id"] for each in (await ask(_hit(state, 0)))["Resources"]] == [first], "filter userName eq, hit")
    _must((await ask(_miss(state, 0)))["totalResults"] == 0, "filter userName eq, miss")
    _must([each["id"] for each in (await ask(_external_id(state, 0)))["Resources"]] == [first], "filter externalId eq")
    await connection.ask(_patch(state, 0))
    changed = await ask(_get(state, 0))
    _must((changed["displayName"], changed["emails"][0]["value"]) == ("n0", "n0@contoso.example"), "PATCH a user")
    page = await ask(_list(state, 0))
    _must(page["totalResults"] == len(state.users) and len(page["Resources"]) == PAGE, "list a page of 100")
    _must(await members() == everybody, "the group's members")
    await connection.ask(_remove_member(state, 0))
    _must(await members() == everybody - {first}, "group: remove a member")
    await connection.ask(_add_member(state, 0))
    _must(await members() == everybody, "group: add a member")
    _must(not (await ask(_group_without_members(state, 0))).get("members"), "group without members")


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"a server answers wrongly: {what}")


def _body(answer: Answer) -> samples.Body:
    if answer.status not in (200, 201):
        raise SystemExit(f"a server answers {answer.status}: {answer.body[:300]!r}")
    body: samples.Body = json.loads(answer.body if answer.body.startswith(b"{") else _joined(answer.body))
    return body


def _joined(chunked: bytes) -> bytes:
    """Return the content of a chunked body."""
    content, rest = b"", chunked
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        content, rest = content + rest[:length], rest[length + 2 :]
    return content
