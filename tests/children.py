"""Processes that tests start: each ends with the block that it is for, whether or not its test passes."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    stdin: Any = None,
    stdout: Any = None,
    stderr: Any = None,
) -> Iterator[subprocess.Popen[str]]:
    """Give a process that is killed at the end of the block if it still runs, and whose pipes are closed then."""
    process = subprocess.Popen(  # noqa: S603 - the commands are the tests' own
        command, cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what was not written yet has no reader any more
                    pipe.close()


@contextmanager
def python(*arguments: str | Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Give a process of this Python; see `running`."""
    with running([sys.executable, *arguments], **options) as process:
        yield process
