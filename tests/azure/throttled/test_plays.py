"""Short plays over a busy store: nothing is lost, nothing comes back from the dead, and mistakes are noticed.

`make soak-throttled` is the long one, with Entra's simulator at full speed.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import pytest

from scim.azure import patience, tables
from scim.directory import memberships, resources
from scim.directory.resources import Directory
from scim.directory.stored import Edge
from scim.storage import together
from scim.storage.rows import RowChange
from tests.azure.throttled.plays import PLAYS, in_its_own_time

Break = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.parametrize("play", PLAYS)
def test_what_clients_were_told_is_so(play: str) -> None:
    """Whatever the store does, short of losing what it has acknowledged."""
    in_its_own_time(PLAYS[play])


def _adds_in_any_version(patch: pytest.MonkeyPatch) -> None:
    right = memberships.added

    def added(group_id: str, edges: Iterable[Edge]) -> list[RowChange]:
        return right(group_id, [Edge(each.id, each.kind) for each in edges])

    patch.setattr(memberships, "added", added)


def _counts_anywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Directory, "_new_id", lambda self, kind, document: self.tenant.new_id(""))


def _tells_of_the_sweep(patch: pytest.MonkeyPatch) -> None:
    class Never(Exception):
        pass

    patch.setattr(resources, "Unavailable", Never)


def _leaves_calls_alone(patch: pytest.MonkeyPatch) -> None:
    async def gathered(*calls: Coroutine[Any, Any, Any]) -> Sequence[Any]:
        return await asyncio.gather(*calls)

    patch.setattr(together, "together", gathered)
    patch.setattr(memberships, "both", gathered)


def _lets_clients_come_back_soon(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tables, "LATE_SECONDS", 5)


def _gives_up_soon(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(patience, "BUDGET_SECONDS", 4.0)


@pytest.mark.parametrize(
    ("mistake", "play"),
    [
        (_adds_in_any_version, "late"),
        (_counts_anywhere, "late"),
        (_lets_clients_come_back_soon, "regretted"),
        (_gives_up_soon, "moved"),
        (_tells_of_the_sweep, "refused"),
        (_leaves_calls_alone, "refused"),
    ],
)
def test_a_mistake_is_noticed(mistake: Break, play: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plays are able to fail: each of these was once how the service worked."""
    mistake(monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        in_its_own_time(PLAYS[play])
