"""How far a command has come, drawn on a terminal; nothing where there is none."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


class Progress(Protocol):
    """Shows the stages of a command."""

    def at(self, stage: str, done: int, total: int | None = None) -> None:
        """Say how much of a stage is done; `total` where it is known, perhaps only about."""
        ...


class Silent:
    """Shows nothing."""

    def at(self, stage: str, done: int, total: int | None = None) -> None:
        pass


@contextmanager
def shown() -> Iterator[Progress]:
    """Give bars on standard error, one for each stage; silence where that is no terminal or rich is not installed."""
    if not sys.stderr.isatty():
        yield Silent()
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Drawn
    except ImportError:
        yield Silent()
        return
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Drawn(*columns, console=Console(stderr=True)) as bars:
        yield _Visible(bars)


class _Visible:
    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def at(self, stage: str, done: int, total: int | None = None) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=None if total is None else max(total, done))
