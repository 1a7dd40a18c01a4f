"""What a provisioning job knows while it runs: links to the target, and what it believes stands there."""

from collections import Counter
from dataclasses import dataclass, field

from scim.simulate.job.dialect import Dialect, Dialects
from scim.simulate.job.journal import Journal, Subject
from scim.simulate.source.directory import Directory, Mark
from scim.simulate.wire.endpoint import Endpoint, Kind, Resource
from scim.simulate.wire.failure import Failure
from scim.simulate.wire.walk import Entry, Listing


@dataclass(slots=True)
class Links:
    """Target ids by source key, and the last state that the job saw or wrote at the target.

    Entra caches a target id when it first meets an object, and uses it ever after.
    """

    people: dict[str, str] = field(default_factory=dict)
    teams: dict[str, str] = field(default_factory=dict)
    deleted: dict[Kind, dict[str, str]] = field(default_factory=lambda: {kind: {} for kind in Kind})
    created: dict[Kind, set[str]] = field(default_factory=lambda: {kind: set() for kind in Kind})
    written: dict[str, dict[str, str]] = field(default_factory=dict)  # person -> attributes last in step
    managers: dict[str, str | None] = field(default_factory=dict)  # person -> id of the manager shown
    members: dict[str, set[str]] = field(default_factory=dict)  # team -> ids of the members sent
    doubtful: dict[str, set[str]] = field(default_factory=dict)  # team -> ids sent without an answer
    lost: Counter[str] = field(default_factory=Counter)  # source -> POST without an answer, or with a 5xx
    unmanaged: set[str] = field(default_factory=set)  # people disabled: Entra writes them no more


@dataclass(slots=True)
class Ownership:
    """Which resources of the endpoint are the simulator's: marked by the seed, or named in the directory."""

    directory: Directory
    mark: Mark

    def of(self, kind: Kind, listing: Listing) -> list[Entry]:
        """Return the entries of a listing that belong to this directory."""
        sources = self.directory.people if kind is Kind.USERS else self.directory.teams
        names = {source.name.casefold() for source in sources.values()}
        keys = {source.attributes["externalId"] for source in sources.values()}
        marked = self.mark.on_user if kind is Kind.USERS else self.mark.on_group
        return [
            entry
            for entry in listing.entries.values()
            if marked(entry.name) or entry.name.casefold() in names or entry.external_id in keys
        ]


@dataclass(slots=True)
class Earlier:
    """What a run before this one left at the endpoint: ids by externalId, and the members of the groups.

    Entra would remember it; a simulator started anew has to look.
    """

    ids: dict[Kind, dict[str, str]] = field(default_factory=lambda: {kind: {} for kind in Kind})
    all_ids: dict[Kind, set[str]] = field(default_factory=lambda: {kind: set() for kind in Kind})
    members: dict[str, set[str]] = field(default_factory=dict)  # group id -> ids of our users in it


@dataclass(slots=True)
class Session:
    """One job: source, endpoint, settings, memory and log. `cycle` is 0 in the initial cycle."""

    directory: Directory
    endpoint: Endpoint
    dialects: Dialects
    ownership: Ownership
    match: str = "userName"
    members_per_patch: int = 100
    cycle: int = 0
    links: Links = field(default_factory=Links)
    earlier: Earlier = field(default_factory=Earlier)
    journal: Journal = field(default_factory=Journal)
    pending: dict[Subject, dict[str, None]] = field(default_factory=lambda: {subject: {} for subject in Subject})

    def queue(self, subject: Subject, key: str) -> None:
        """Have the object evaluated in this cycle, or the next if its stage is over."""
        self.pending[subject][key] = None

    async def create(self, kind: Kind, key: str, body: Resource) -> Resource:
        """Create the resource of the source `key`. Raises Failure when refused."""
        try:
            resource = await self.endpoint.create(kind, body)
        except Failure as failure:
            if failure.status is None or failure.status >= 500:
                self.links.lost[key] += 1
            raise
        self.links.created[kind].add(resource["id"])
        return resource

    def met(self, kind: Kind, key: str, resource: Resource) -> Resource:
        """Note a resource found at the target: it may come from a POST whose answer was lost."""
        self.recover(kind, key, resource["id"])
        return resource

    def recover(self, kind: Kind, key: str, identifier: str) -> bool:
        """Say whether the resource may come from a POST of this source whose answer was lost."""
        if not self.links.lost[key]:
            return False
        self.links.lost[key] -= 1
        self.links.created[kind].add(identifier)
        return True

    def dialect(self, key: str) -> Dialect:
        return self.dialects.choose(key)
