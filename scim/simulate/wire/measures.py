"""What a run measures: answers and latencies for each kind of request, waits, remarks."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


def percentile(seconds: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile of at least one sample, in the unit of the samples."""
    ordered = sorted(seconds)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass(slots=True)
class Figures:
    """The answers to one kind of request: seconds from sending to the whole answer, and statuses."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def summary(self) -> dict[str, Any]:
        """Return count, p50 and p99 in milliseconds, and the number of answers with each status."""
        if not self.seconds:
            return {"count": 0, "p50_ms": None, "p99_ms": None, "statuses": dict(self.statuses)}
        return {
            "count": len(self.seconds),
            "p50_ms": round(percentile(self.seconds, 50) * 1000, 2),
            "p99_ms": round(percentile(self.seconds, 99) * 1000, 2),
            "statuses": dict(sorted(self.statuses.items())),
        }


@dataclass(slots=True)
class Measures:
    """Everything counted at the wire.

    `throttled` counts answers 429 and `unavailable` answers 503; `waited` is the real seconds spent on
    them; `remarks` counts oddities that a validator would mention though nothing failed.
    """

    kinds: dict[str, Figures] = field(default_factory=dict)
    throttled: int = 0
    unavailable: int = 0
    waited: float = 0.0
    remarks: Counter[str] = field(default_factory=Counter)

    def record(self, kind: str, status: str, seconds: float) -> None:
        figures = self.kinds.setdefault(kind, Figures())
        figures.seconds.append(seconds)
        figures.statuses[status] += 1
