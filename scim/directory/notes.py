"""What the directory notes of the request under way, for the journal: whom it is about, what changed, and its calls."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Notes:
    """The notes of one request; tasks that it starts note in the same ones.

    `name` is that of the user or group, `attributes` are the paths of those that changed, `calls` those of the
    tenant's rows. `test` is whether it is what Entra sends when an administrator presses Test Connection.
    """

    name: str = ""
    attributes: list[str] = field(default_factory=list)
    changed: bool = False
    calls: int = 0
    test: bool = False


_current: ContextVar[Notes | None] = ContextVar("_current", default=None)


@contextmanager
def taken() -> Iterator[Notes]:
    """Give what is noted within the block; calls count for a request around it as well, as those of a Bulk do."""
    notes, outer = Notes(), _current.get()
    token = _current.set(notes)
    try:
        yield notes
    finally:
        _current.reset(token)
        if outer is not None:
            outer.calls += notes.calls


def call() -> None:
    """Note a call of the tenant's rows."""
    notes = _current.get()
    if notes is not None:
        notes.calls += 1


def about(name: object) -> None:
    """Note the name of whom the request is about."""
    notes = _current.get()
    if notes is not None and isinstance(name, str):
        notes.name = name


def change(attributes: Sequence[str] = ()) -> None:
    """Note that something was changed, and which attributes."""
    notes = _current.get()
    if notes is not None:
        notes.changed = True
        notes.attributes += [each for each in attributes if each not in notes.attributes]


def test() -> None:
    """Note that the request only tries the connection."""
    notes = _current.get()
    if notes is not None:
        notes.test = True
