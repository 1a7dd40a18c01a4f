"""Marks that a tenant may have work for the timer, set before the change that may make the work."""

from collections import OrderedDict
from datetime import datetime, timedelta

from scim.access.registry import Registry

EVERY = timedelta(minutes=5)
"""How long a mark serves for further changes of the same process."""
MOST_KEPT = 10_000


class Marks:
    """The tenants that this process has marked lately.

    A crash between mark and change leaves a mark too many, never one too few.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._marked: OrderedDict[str, datetime] = OrderedDict()

    async def before(self, key: str) -> None:
        """Return when the tenant is marked; called before each of its commits. Raises Unavailable."""
        now, marked = self._registry.now, self._marked.get(key)
        if marked is not None and marked <= now < marked + EVERY:
            return
        await self._registry.mark(key)
        self._marked[key] = now
        self._marked.move_to_end(key)
        while len(self._marked) > MOST_KEPT:
            self._marked.popitem(last=False)
