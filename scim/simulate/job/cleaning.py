"""What earlier runs left at the endpoint: looking for it, and deleting it."""

from scim.simulate.job.cycles import each
from scim.simulate.job.journal import Subject
from scim.simulate.job.progress import Progress
from scim.simulate.job.session import Earlier, Ownership, Session
from scim.simulate.source.mapping import member_ids
from scim.simulate.wire.endpoint import Endpoint, Kind
from scim.simulate.wire.failure import Failure
from scim.simulate.wire.walk import walk


async def look(session: Session, page_size: int) -> Earlier:
    """Return what the endpoint holds of this directory before the first cycle.

    Raises Failure when the lists or the groups cannot be read.
    """
    earlier = Earlier()
    for kind in Kind:
        for entry in session.ownership.of(kind, await walk(session.endpoint, kind, page_size)):
            earlier.all_ids[kind].add(entry.id)
            if entry.external_id is not None:
                earlier.ids[kind][entry.external_id] = entry.id
    for identifier in earlier.all_ids[Kind.GROUPS]:
        group = await session.endpoint.read(Kind.GROUPS, identifier, "", "look for Groups")
        # Other people's members are not the simulator's to remove.
        earlier.members[identifier] = member_ids(group) & earlier.all_ids[Kind.USERS]
    return earlier


async def marked(endpoint: Endpoint, ownership: Ownership, page_size: int) -> dict[Kind, set[str]]:
    """Return the ids of every resource with the mark of the seed, from this run or another."""
    return {kind: {entry.id for entry in ownership.of(kind, await walk(endpoint, kind, page_size))} for kind in Kind}


async def clean(session: Session, targets: dict[Kind, set[str]], concurrency: int, progress: Progress) -> int:
    """Delete the resources, groups first, and return how many went; a refusal is a failure of the log."""
    deleted = 0
    for kind, subject in ((Kind.GROUPS, Subject.GROUP), (Kind.USERS, Subject.USER)):
        with progress.stage(f"Clean: {kind}", len(targets[kind])) as advance:

            async def one(identifier: str, kind: Kind = kind, subject: Subject = subject) -> None:
                nonlocal deleted
                try:
                    await session.endpoint.delete(kind, identifier)
                    deleted += 1
                except Failure as failure:
                    session.journal.failed(session.cycle, subject, f"{kind}/{identifier}", failure)
                advance()

            await each(sorted(targets[kind]), one, concurrency)
    return deleted
