"""What one hour of requests was like, in numbers: the rows that totals and plots are made of."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from scim.directory.entry import Entry
from scim.protocol.resource import to_stored_json
from scim.storage.damage import Damaged, known_in
from scim.storage.rows import Row

BOUNDS = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
"""Milliseconds up to which each bucket of latency counts; one more counts what took longer."""
HOUR = 3_600_000
"""Milliseconds."""


@dataclass(slots=True)
class Counts:
    """Counts of requests. `scim_types` are those of failures, by scimType or, where there is none, by status.

    The three times are in milliseconds since 1970, 0 for never; a success is a status below 400, and tries of the
    connection are none.
    """

    requests: int = 0
    failures: int = 0
    tests: int = 0
    calls: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    scim_types: Counter[str] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    last_request: int = 0
    last_success: int = 0
    last_change: int = 0

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Counts":
        """Return the counts of some requests; those of the application behind the service count for nothing."""
        counts = cls()
        for entry in entries:
            if not entry.application:
                counts._add(entry)
        return counts

    def _add(self, entry: Entry) -> None:
        failed = entry.status >= 400
        self.requests += entry.times
        self.tests += entry.times if entry.test else 0
        self.calls += entry.calls
        self.statuses[str(entry.status)] += entry.times
        self.buckets[bisect_left(BOUNDS, entry.ms)] += entry.times
        self.last_request = max(self.last_request, entry.at)
        if failed:
            self.failures += entry.times
            self.scim_types[entry.scim_type or str(entry.status)] += entry.times
        elif not entry.test:
            self.last_success = max(self.last_success, entry.at)
        if entry.changed:
            self.last_change = max(self.last_change, entry.at)

    def __add__(self, other: "Counts") -> "Counts":
        """Return the counts of both."""
        return Counts(
            requests=self.requests + other.requests,
            failures=self.failures + other.failures,
            tests=self.tests + other.tests,
            calls=self.calls + other.calls,
            statuses=self.statuses + other.statuses,
            scim_types=self.scim_types + other.scim_types,
            buckets=[mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)],
            last_request=max(self.last_request, other.last_request),
            last_success=max(self.last_success, other.last_success),
            last_change=max(self.last_change, other.last_change),
        )

    def milliseconds(self, part: float) -> float | None:
        """Return within how many milliseconds that part of the requests was answered, 0.95 for p95; None without any.

        It is as fine as the buckets, between whose bounds it is estimated in proportion.
        """
        wanted, below = part * sum(self.buckets), 0
        for number, count in enumerate(self.buckets):
            if count and below + count >= wanted:
                least = BOUNDS[number - 1] if number else 0
                most = BOUNDS[min(number, len(BOUNDS) - 1)]
                return round(least + (most - least) * (wanted - below) / count, 1)
            below += count
        return None

    def body(self) -> str:
        """Return the text that a row keeps."""
        return to_stored_json({name: getattr(self, name) for name in self.__slots__ if getattr(self, name)})


def counts_in(row: Row) -> Counts:
    """Return the counts that a row keeps. Raises Damaged."""
    read = known_in(row)
    try:
        for name in ("statuses", "scim_types"):
            read[name] = Counter(read.get(name, {}))
        counts = Counts(**{name: value for name, value in read.items() if name in Counts.__slots__})
        return Counts() + counts  # the sum meets what is none of its numbers
    except (ValueError, TypeError, AttributeError):
        raise Damaged(row.key, "its counts are none") from None
