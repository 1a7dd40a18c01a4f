"""A walk through a list, page by page, as Account Discovery does it."""

from dataclasses import dataclass, field

from scim.simulate.wire.endpoint import Endpoint, Kind, Resource


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a listed resource."""

    id: str
    name: str
    external_id: str | None


@dataclass(slots=True)
class Listing:
    """Every resource listed, by id, and sentences on what is wrong with the pages."""

    entries: dict[str, Entry] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


async def walk(endpoint: Endpoint, kind: Kind, count: int) -> Listing:
    """Return what the endpoint lists in pages of `count`. Ends also when pages repeat or come empty.

    RFC 7644 section 3.4.2.4. Raises Failure when a page is refused.
    """
    listing = Listing()
    start, total = 1, 0
    while True:
        page = await endpoint.page(kind, start, count)
        total = page.total
        if page.resources and page.start_index not in (None, start):
            listing.problems.append(f"startIndex {start} was asked for and {page.start_index} answered")
        fresh = 0
        for resource in page.resources:
            fresh += resource["id"] not in listing.entries
            entry = _entry(kind, resource)
            listing.entries[entry.id] = entry
        if fresh < len(page.resources):
            listing.problems.append(f"the page from {start} repeats {len(page.resources) - fresh} resources")
        start += len(page.resources)
        if not fresh or start > total:
            break
    if len(listing.entries) != total:
        listing.problems.append(f"totalResults is {total} and {len(listing.entries)} different resources came")
    return listing


def _entry(kind: Kind, resource: Resource) -> Entry:
    name = resource.get("userName" if kind is Kind.USERS else "displayName")
    external_id = resource.get("externalId")
    return Entry(
        resource["id"],
        name if isinstance(name, str) else "",
        external_id if isinstance(external_id, str) else None,
    )
