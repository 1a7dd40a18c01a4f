"""Progress bars, one for each stage; or none."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

Advance = Callable[[], None]


class Progress(Protocol):
    """Shows how far a stage of known size is."""

    def stage(self, title: str, total: int, /) -> AbstractContextManager[Advance]: ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, *_: object) -> Iterator[Advance]:
        yield lambda: None


class Visible:
    """Draws a bar for each stage that has anything to do, on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def stage(self, title: str, total: int, /) -> Iterator[Advance]:
        if not total:
            yield lambda: None
            return
        columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Bars(*columns, console=self._console) as bars:
            task = bars.add_task(title, total=total)
            yield lambda: bars.advance(task)
