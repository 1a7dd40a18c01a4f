"""Events: what one transaction changed, as the application behind the service hears of it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from scim.directory import keys
from scim.directory.memberships import Plan
from scim.directory.stored import Kind, etag
from scim.protocol.active import is_active
from scim.protocol.errors import InvalidValue
from scim.protocol.resource import Resource, to_stored_json
from scim.storage.damage import Damaged, known_in
from scim.storage.rows import Insert, Record, Row

MAX_TEXT = 1_000
"""Characters of an externalId or name that an event repeats; longer ones are left out, and read by the id."""
MAX_CHANGED = 100
"""Names of changed attributes that an event lists."""
ROLES_CHANGED = "group.roles_changed"
MEMBERS_CHANGED = ("group.members_added", "group.members_removed")
TYPES = (
    *(f"user.{what}" for what in ("created", "updated", "activated", "deactivated", "deleted")),
    *(f"group.{what}" for what in ("created", "updated", "deleted")),
    *MEMBERS_CHANGED,
    ROLES_CHANGED,
)
_NAMES = {"u": "userName", "g": "displayName"}
_WORDS = {"u": "user", "g": "group"}

Event = dict[str, Any]


def chosen(types: Iterable[str], known: Collection[str] = TYPES, what: str = "event") -> tuple[str, ...]:
    """Return types, each once. Raises InvalidValue on one that is not known."""
    found = tuple(dict.fromkeys(types))
    if unknown := [each for each in found if each not in known]:
        raise InvalidValue(f"There is no {what} of the type '{unknown[0][:60]}'. There are {', '.join(known)}.")
    return found


def events_of(
    kind: Kind,
    resource_id: str,
    before: Resource | None,
    after: Resource | None,
    changed: Sequence[str],
    plan: Plan,
    mark: str,
) -> list[Event]:
    """Return the events of a transaction on one resource: their `type` and `data`, in the order of their effect.

    `before` is None for what is created, `after` for what is deleted; `changed` are the `changed_paths` between them,
    all of what is created; `mark` is that of the commit. One change of a user is one event. One of a group is up to
    three, since each of them names one thing: what changed in the group, who became a member, and who is none any more.
    Nothing changed, nothing said.
    """
    document = after if after is not None else before or {}
    who = _who(kind, resource_id, document)
    if after is not None:
        who["version"] = etag(mark)
    word, data = _WORDS[kind.letter], {**who, "changed": list(changed[:MAX_CHANGED])}
    if before is None:
        found = [{"type": f"{word}.created", "data": data}]
    elif after is None:
        found = [{"type": f"{word}.deleted", "data": dict(who)}]
    else:
        found = [_of_change(kind, before, after, data)] if changed else []
    if plan.added:
        found.append({"type": MEMBERS_CHANGED[0], "data": {**who, "members": [edge.id for edge in plan.added]}})
    if plan.removed:
        found.append({"type": MEMBERS_CHANGED[1], "data": {**who, "members": [edge.id for edge in plan.removed]}})
    return found


def roles_event(
    kind: Kind, group_id: str, document: Resource, before: Sequence[str], after: Sequence[str], mark: str
) -> Event:
    """Return the event of a change of the roles that a group gives; `mark` is that of the commit."""
    who = _who(kind, group_id, document) | {"version": etag(mark)}
    return {"type": ROLES_CHANGED, "data": {**who, "roles": list(after), "rolesBefore": list(before)}}


def outbox_row(
    change: Record, events: Sequence[Event], actor: Mapping[str, str], method: str, *, parked: str = "", opens: str = ""
) -> Insert:
    """Return the row that takes the events of a transaction to the feed, for that transaction; see `feed`.

    Time and key are those of the change row: so the id of an event leads to it, and a store that keeps rows in their
    order writes both where it wrote last. `method` is the HTTP method that stands for what was done. `parked` is the id
    of a group in the making, to which the events belong; `opens` that of one which this transaction makes and which has
    parked events.
    """
    who = {name: text for name, text in actor.items() if text}
    said = {"timestamp": change.modified, "actor": who, "method": method, "events": events}
    if opens:
        said["opens"] = opens
    key = keys.parked(parked, change.key) if parked else keys.outbox(change.key)
    return Insert(key, to_stored_json(said), change.modified)


def said_in(row: Row) -> dict[str, Any]:
    """Return what an outbox row says: `timestamp`, `actor`, `method`, `events`, perhaps `opens`. Raises Damaged."""
    said = _told_in(row, events=list)
    for event in said["events"]:
        if not isinstance(event, dict):
            raise Damaged(row.key, "one of its events is no object")
        _check(row, event, type=str, data=dict)
    return said


def event_in(row: Row) -> Event:
    """Return the event of a row, with its number behind its id. Raises Damaged."""
    event = _told_in(row, id=str, type=str, data=dict)
    return {"id": event["id"], "sequence": keys.number(row.key), **event}


def _told_in(row: Row, **others: type) -> dict[str, Any]:
    read = known_in(row)
    read.pop("form", None)
    _check(row, read, timestamp=str, actor=dict, method=str, **others)
    return read


def _check(row: Row, read: dict[str, Any], **wanted: type) -> None:
    """Raise Damaged unless an object has these parts, of these types, and roles that are texts."""
    for name, expected in wanted.items():
        if not isinstance(read.get(name), expected):
            raise Damaged(row.key, f"its {name} is missing or has another type")
    if read.get("type") == ROLES_CHANGED:
        roles = read["data"].get("roles")
        if not isinstance(roles, list) or not all(isinstance(each, str) for each in roles):
            raise Damaged(row.key, "its roles are no list of texts")


def _of_change(kind: Kind, before: Resource, after: Resource, data: dict[str, Any]) -> Event:
    if kind.letter == "g" or is_active(before) == is_active(after):
        return {"type": f"{_WORDS[kind.letter]}.updated", "data": data}
    what = "user.activated" if is_active(after) else "user.deactivated"
    return {"type": what, "data": {**data, "activeBefore": is_active(before)}}


def _who(kind: Kind, resource_id: str, document: Resource) -> dict[str, Any]:
    """Return what names a resource to people and to the application: that alone of its values is in an event."""
    who: dict[str, Any] = {"id": resource_id}
    for name in ("externalId", _NAMES[kind.letter]):
        text = document.get(name)
        if isinstance(text, str) and len(text) <= MAX_TEXT:
            who[name] = text
    if kind.letter == "u":
        who["active"] = is_active(document)
    return who


def changed_paths(before: Resource, after: Resource) -> Sequence[str]:
    """Return the paths of the attributes that differ, those of extensions under their URN."""
    paths: list[str] = []
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old == new or name == "meta":
            continue
        if name.lower().startswith("urn:"):
            paths += [f"{name}:{each}" for each in changed_paths(old or {}, new or {})]
        else:
            paths.append(name)
    return paths
