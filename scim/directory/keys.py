"""The keys of a tenant's rows: a kind, then what identifies the row, in characters that every store sorts alike.

    u.<id>  g.<id>                   a user, a group: the resource as JSON
    n.<u|g>.<attribute>.<h>          a unique value, taken: the id of its owner
    x.<u|g>.<attribute>.<h>.<id>     a look-up: this resource has this value
    m.<group>.<member>               a membership: the kind of the member
    r.<member>.<group>               the same membership, from the other side
    c.<u|g>.<first two digits>       how many resources have ids that begin so
    c.i.<first digit>                how many of the users whose ids begin so are inactive
    e.<time>.<random>                a change, for audit
    t.<id>                           a deleted resource whose memberships are still being removed
    t.<id>.new                       a group in the making: its memberships are written before itself
    s.indexes                        which look-ups are complete
    s.feed                           the head of the feed of events
    o.<time>.<random>                what a change has to say, until it is numbered: its outbox row
    p.<group>.<random>               the same of a group in the making, until the group is there
    f.<number>                       an event of the feed
    s.sizes                          how many memberships there were when the timer counted them
    s.capture                        what is captured, or was last
    s.guards                         what a change that a guard has let through touches
    s.probe                          that the store takes what is written, where it did not before; for a moment
    s.maintenance                    when the timer ran last, and how that ended
    a.now.<group>                    the roles that a group gives
    a.told.<group>                   those of them that the feed has told of
    w.<id>                           a webhook
    k.<webhook>.<number>             that a webhook has skipped an event
    v.<id>                           a stream of Security Event Tokens
    j.<inverted time>.<random>       requests that were written to the journal together, the newest rows first
    h.<inverted hour>.<random>       the counts of one process, or of all, in an hour
    q.h.<inverted time>.<random>     the head of a captured request and its answer
    q.p.<inverted time>.<random>.<n> a piece of it

An inverted time sorts the newest first: milliseconds that are left of 48 bits.
`<h>` is a hash of a normalised value, since values may have any character and length.
"""

import hashlib
import re
from datetime import UTC, datetime

_LAST = 2**48 - 1
_ID = re.compile(r"[0-9a-f]{32}")
INDEXES = "s.indexes"
MAINTENANCE = "s.maintenance"
SIZES = "s.sizes"
CAPTURE = "s.capture"
EXCHANGES = "q."
"""What all rows of captured requests begin with."""
CAPTURED = "q.h."
"""What the heads of captured requests begin with."""
PIECES = "q.p."
"""What their pieces begin with."""
PROBE = "s.probe"
GUARDS = "s.guards"
CHANGES = "e."
"""What the rows of all changes begin with."""
FEED = "s.feed"
PARKED = "p."
"""What the outbox rows of all groups in the making begin with."""
REQUESTS = "j."
"""What the rows of the journal begin with."""
HOURS = "h."
"""What the rows with the counts of hours begin with."""
BEYOND = "~"
"""A character that sorts behind every one that keys use."""


def is_id(text: str) -> bool:
    """Whether the text can be the id of a resource: 32 hexadecimal digits."""
    return _ID.fullmatch(text) is not None


def resource(kind: str, resource_id: str) -> str:
    """The row of a resource; `kind` is "u" or "g"."""
    return f"{kind}.{resource_id}"


def name(kind: str, attribute: str, value: str) -> str:
    """The row that says that a unique value is taken, in the form in which the attribute compares values."""
    return f"n.{kind}.{_attribute(attribute)}.{_hash(value)}"


def look_up(kind: str, attribute: str, value: str, resource_id: str) -> str:
    """The look-up row of one resource for one value, in the form in which the attribute compares values."""
    return f"{look_ups(kind, attribute, value)}{resource_id}"


def look_ups(kind: str, attribute: str, value: str) -> str:
    """What the look-up rows of all resources with that value begin with."""
    return f"x.{kind}.{_attribute(attribute)}.{_hash(value)}."


def all_look_ups(kind: str, attribute: str) -> str:
    """What all look-up rows of an attribute begin with."""
    return f"x.{kind}.{_attribute(attribute)}."


def member(group_id: str, member_id: str = "") -> str:
    """The membership row on the group's side; without a member, what all of them begin with."""
    return f"m.{group_id}.{member_id}"


def membership(member_id: str, group_id: str = "") -> str:
    """The membership row on the member's side; without a group, what all of them begin with."""
    return f"r.{member_id}.{group_id}"


def count(kind: str, resource_id: str) -> str:
    """The row that counts the resources whose ids begin as this one does, or "i" the inactive users among them.

    These change seldom: sixteen rows are enough, and are soon read.
    """
    return f"c.{kind}.{resource_id[: 1 if kind == 'i' else 2]}"


def counts(kind: str) -> str:
    """What all count rows of a kind begin with."""
    return f"c.{kind}."


def change(milliseconds: int, unique: str) -> str:
    """The row of a change at a time, in milliseconds since 1970; keys sort by time."""
    return f"e.{milliseconds:012x}.{unique}"


def time_of_change(key: str) -> datetime:
    """The time in the key of a change."""
    return datetime.fromtimestamp(int(key.split(".")[1], 16) / 1000, UTC)


def outbox(change_key: str = "") -> str:
    """The outbox row of a change whose row has the key; without it, what all of them begin with."""
    return f"o.{change_key.removeprefix('e.')}"


def parked(group_id: str, change_key: str = "") -> str:
    """The outbox row of a change to a group in the making; without the key of that, what all of them begin with."""
    return f"p.{group_id}.{last_part(change_key)}"


def event(number: int | None = None) -> str:
    """The row of a numbered event; without a number, what all of them begin with."""
    return "f." if number is None else f"f.{number:012x}"


def number(key: str) -> int:
    """The number in the key of an event."""
    return int(last_part(key), 16)


def roles(group_id: str = "") -> str:
    """The row of the roles that a group gives; without a group, what all of them begin with."""
    return f"a.now.{group_id}"


def told_roles(group_id: str = "") -> str:
    """The row of the roles of a group as the feed has told of them; without a group, what all begin with."""
    return f"a.told.{group_id}"


def webhook(webhook_id: str = "") -> str:
    """The row of a webhook; without an id, what all of them begin with."""
    return f"w.{webhook_id}"


def skipped(webhook_id: str, number: int | None = None) -> str:
    """The row of an event that a webhook has skipped; without a number, what all of them begin with."""
    return f"k.{webhook_id}." if number is None else f"k.{webhook_id}.{number:012x}"


def stream(stream_id: str = "") -> str:
    """The row of a stream; without an id, what all of them begin with."""
    return f"v.{stream_id}"


def requests(milliseconds: int, unique: str) -> str:
    """The row of requests, the newest of which was answered at that time, in milliseconds since 1970."""
    return f"{REQUESTS}{_LAST - milliseconds:012x}.{unique}"


def hour(milliseconds: int, unique: str) -> str:
    """The row of an hour that began at that time, in milliseconds since 1970."""
    return f"{HOURS}{_LAST - milliseconds:012x}.{unique}"


def captured(milliseconds: int, unique: str) -> str:
    """The head of a captured request, at that time in milliseconds since 1970."""
    return f"{CAPTURED}{_LAST - milliseconds:012x}.{unique}"


def is_captured(text: str) -> bool:
    """Whether a text can stand behind CAPTURED in a key."""
    return re.fullmatch(r"[0-9a-f]{12}\.[0-9a-f]{16,32}", text) is not None


def piece(milliseconds: int, unique: str, number: int) -> str:
    """A piece of a captured request."""
    return f"{PIECES}{_LAST - milliseconds:012x}.{unique}.{number:02}"


def piece_of(captured_id: str, number: int) -> str:
    """The same, by what stands behind CAPTURED in the key of the head."""
    return f"{PIECES}{captured_id}.{number:02}"


def piece_before(milliseconds: int) -> str:
    """What lies before all pieces of that time and of older ones."""
    return f"{PIECES}{_LAST - milliseconds:012x}."


def time_of(key: str) -> int:
    """The milliseconds since 1970 in a key whose time is inverted."""
    return _LAST - int(key.split(".")[1], 16)


def tombstone(resource_id: str = "") -> str:
    """The row of a deleted resource that still has memberships; without an id, what all of them begin with."""
    return f"t.{resource_id}"


def making(group_id: str) -> str:
    """The row of a group in the making, whose memberships are not shown either."""
    return f"t.{group_id}.new"


def entombed(key: str) -> str:
    """The id in the key of a tombstone or of a group in the making."""
    return key.split(".")[1]


def last_part(key: str) -> str:
    """The part of a key behind its last dot."""
    return key.rpartition(".")[2]


def _attribute(path: str) -> str:
    """Attributes of extensions have URNs, which are long and have colons: a hash stands for them."""
    urn, _, names = path.lower().rpartition(":")
    return f"{_hash(urn)[:8]}.{names}" if urn else names


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]
