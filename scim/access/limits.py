"""How much one credential may ask of a process, so that it is itself that waits for it and nobody else."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scim.protocol.errors import TooManyRequests

RATE, BURST = 100, 200
"""Requests a second of one credential, and at once after a pause, where nobody has chosen others."""
A_REQUEST = 8 * 1024
"""Characters that a request may send and be answered without counting for more than one: about eight users."""
MOST_KEPT = 10_000
"""Credentials of which a process knows how much they have asked lately; the others may ask afresh."""
COMPANY_SECONDS = 10.0
"""How long a request of another credential counts as company."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one credential may do: requests a second, at once after a pause, and under way at a time (0: any number).

    `chosen`: somebody has set rate or burst, so that they hold for a lone credential too.
    """

    rate: float
    burst: int
    concurrent: int = 0
    chosen: bool = False

    @classmethod
    def of(cls, rate: int | None, burst: int | None, concurrent: int) -> "Allowance":
        """Return the allowance where these were chosen; None is RATE or BURST."""
        return cls(rate or RATE, burst or BURST, concurrent, chosen=bool(rate or burst))


@dataclass(slots=True)
class _Bucket:
    """What is left for one credential, as of a time, and how many of its requests are under way."""

    left: float
    at: float
    under_way: int = 0

    def weigh(self, size: int) -> None:
        """Count a request for more, which sent and was answered so many characters."""
        self.left -= size // A_REQUEST


class Limits:
    """A bucket for each credential, in this process: another process has buckets of its own.

    A rate that was chosen always holds. The one that nobody has chosen, and the bound on requests under way, hold while
    other credentials are served too: a lone job, such as an initial cycle, keeps nobody waiting. Large requests and
    answers count for several, when it is known how large they are.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._seen: tuple[str, float] = ("", -math.inf)
        self._company: tuple[str, float] = ("", -math.inf)

    @contextmanager
    def under_way(self, credential: str, allowance: Allowance, *, company: bool = True) -> Iterator[_Bucket]:
        """Count the block as one request of the credential. Raises TooManyRequests before it when that is too much.

        Without `company` the request is none for others: what asks for an access token is the same job that uses it.
        """
        bucket = self._filled(credential, allowance)
        if company:
            self._note(credential)
        in_company = self._in_company(credential)
        if bucket.left < 1 and (in_company or allowance.chosen):
            raise _too_many(math.ceil((1 - bucket.left) / allowance.rate), allowance)
        if 0 < allowance.concurrent <= bucket.under_way and in_company:
            raise _too_many(1, allowance)
        bucket.left -= 1
        bucket.under_way += 1
        try:
            yield bucket
        finally:
            bucket.under_way -= 1

    def _filled(self, credential: str, allowance: Allowance) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(credential, _Bucket(allowance.burst, now))
        self._buckets.move_to_end(credential)
        if len(self._buckets) > MOST_KEPT:
            self._forget_one()
        left = max(bucket.left, -allowance.burst)  # a debt is a burst at most
        bucket.left = min(allowance.burst, left + max(now - bucket.at, 0) * allowance.rate)
        bucket.at = now
        return bucket

    def _forget_one(self) -> None:
        """Forget the bucket that nobody has asked of for longest; one with requests under way is kept."""
        credential, bucket = next(iter(self._buckets.items()))
        if bucket.under_way:
            self._buckets.move_to_end(credential)
        else:
            del self._buckets[credential]

    def _note(self, credential: str) -> None:
        """Keep the last credential, and the last one that was another than that."""
        if self._seen[0] != credential:
            self._company = self._seen
        self._seen = (credential, self._clock())

    def _in_company(self, credential: str) -> bool:
        """Whether another credential than this was served lately."""
        return self._company[0] != credential and self._clock() - self._company[1] < COMPANY_SECONDS


def _too_many(seconds: int, allowance: Allowance) -> TooManyRequests:
    return TooManyRequests(
        f"The credential sends more requests than its share of {allowance.rate:g} a second. Try again in"
        f" {max(seconds, 1)} s.",
        max(seconds, 1),
        max(int(allowance.rate), 1),
    )
