"""Directories of any size, filled far faster than by requests: the same rows, committed in the order of their keys."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

from bench.load import samples
from scim.directory import keys, memberships
from scim.directory.resources import Directory, Origin
from scim.directory.stored import Edge, Kind
from scim.directory.tenant import Tenant
from scim.protocol.resource import to_json
from scim.protocol.validation import read_resource
from scim.storage.rows import MAX_CHANGES, Insert


async def fill_users(directory: Directory, number: int, body: Callable[[int], samples.Body] = samples.user) -> None:
    """Create the users 0 to `number` - 1 of bench.load.samples, or of what makes bodies, in an empty directory.

    They are counted last, so that a directory which was only begun has no users by its own account.
    """
    kind, tenant = directory.kinds["User"], directory.tenant
    changes: list[Insert] = []
    counts: Counter[str] = Counter()
    for each in range(number):
        resource_id = tenant.new_id("")
        changes += _rows(kind, tenant, resource_id, body(each))
        counts[keys.count(kind.letter, resource_id)] += 1
    await _commit(tenant, changes)
    await _commit(tenant, [Insert(key, str(size)) for key, size in counts.items()])


async def fill_groups(directory: Directory, names: Iterable[str]) -> list[str]:
    """Create groups without members, one by one, and return their ids in the order of the names."""
    kind = directory.kinds["Group"]
    return [(await directory.create(kind, samples.group(each, []), Origin())).id for each in names]


async def fill_members(directory: Directory, groups: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Make users members of groups: pairs of a group's id and of the ids of its members."""
    changes = [
        change
        for group, members in groups
        for change in memberships.added(group, (Edge(each, "u") for each in members))
        if isinstance(change, Insert)  # nobody has read the ends yet, so that a touch would change nothing
    ]
    await _commit(directory.tenant, changes)


async def user_ids(directory: Directory) -> AsyncIterator[str]:
    """Yield the ids of all users, in their order."""
    async for page in directory.tenant.pages(directory.kinds["User"].prefix, keys_only=True):
        for row in page:
            yield keys.last_part(row.key)


def _rows(kind: Kind, tenant: Tenant, resource_id: str, body: samples.Body) -> Iterator[Insert]:
    """Yield the rows of one resource: itself, its names, its look-ups and its change row."""
    now = tenant.time()
    document = {**read_resource(kind.type, body), "meta": {"created": now}}
    yield Insert(kind.key(resource_id), to_json(document), now)
    yield from (Insert(key, resource_id) for key in kind.names(document))
    yield from (Insert(key, "") for key in kind.look_ups(resource_id, document))
    yield tenant.change_row(
        resourceType=kind.type.name,
        id=resource_id,
        operation="create",
        attributes=[name for name in document if name != "meta"],
    )


async def _commit(tenant: Tenant, changes: Sequence[Insert]) -> None:
    """Commit rows in the order of their keys, which a B-tree takes several times as fast as any other.

    Every third row comes in a second turn: rows in one order would fill each page of the file to the brim, and the
    next row on each page would have to split it, which it seldom has to in a directory that grew by itself.
    """
    rows = sorted(changes, key=lambda each: each.key)
    for part in ([row for number, row in enumerate(rows) if number % 3], rows[::3]):
        for start in range(0, len(part), MAX_CHANGES):
            await tenant.commit(part[start : start + MAX_CHANGES])
