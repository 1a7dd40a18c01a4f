"""How many users and groups there are, and how many of the users are inactive: numbers that change with each change.

Each number is 256 rows, by the first two digits of ids, so that those who create seldom meet; that of the
inactive, which changes less, is sixteen.
"""

from scim.directory import keys
from scim.directory.stored import Kind
from scim.directory.tenant import PAGE, Tenant
from scim.protocol.active import is_active
from scim.protocol.resource import Resource
from scim.storage.damage import number_in
from scim.storage.rows import Insert, Replace, RowChange, RowConflict

INACTIVE = "i"
"""In the place of a kind's letter, in the keys of the counts of inactive users."""
COUNTED = {"u": ("u", INACTIVE), "g": ("g",)}
"""By the letter of a kind, the counts in which its resources can be."""


def letters(kind: Kind, document: Resource | None) -> set[str]:
    """Return in which counts a resource is: that of its kind, and if it is an inactive user that of those."""
    if document is None:
        return set()
    return {kind.letter, INACTIVE} if kind.letter == "u" and not is_active(document) else {kind.letter}


async def changes(
    tenant: Tenant, kind: Kind, resource_id: str, before: Resource | None, after: Resource | None
) -> list[RowChange]:
    """Return the changes of counts that belong to a change of a resource; None is before it is made, or gone.

    Most changes change none. A count that cannot be read is unknown, and stays so.
    """
    old, new = letters(kind, before), letters(kind, after)
    found: list[RowChange] = []
    for letter in sorted(old ^ new):
        key, step = keys.count(letter, resource_id), 1 if letter in new else -1
        row = await tenant.read(key)
        if row is None:
            found.append(Insert(key, str(max(step, 0))))
        elif (number := number_in(row)) is not None:
            found.append(Replace(key, str(max(number + step, 0)), row.version))
    return found


async def total(tenant: Tenant, letter: str) -> int:
    """Return how many there are of a kind, or inactive users."""
    return sum(number_in(row) or 0 for row in await tenant.under(keys.counts(letter)))


async def active(tenant: Tenant) -> int:
    """Return how many users are active, as of one moment.

    Raises RowConflict, for `Tenant.retried`, when counts changed while they were read: the difference would be that of
    two moments. A count that cannot be read counts for nothing.
    """
    bounds = keys.counts(INACTIVE), keys.counts("u") + keys.BEYOND
    rows = await tenant.range(*bounds, PAGE)
    if rows != await tenant.range(*bounds, PAGE):
        raise RowConflict
    users = sum(number_in(row) or 0 for row in rows if row.key.startswith(keys.counts("u")))
    return users - sum(number_in(row) or 0 for row in rows if row.key.startswith(keys.counts(INACTIVE)))
