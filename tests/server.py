"""The local host in a process of its own, for tests that need a real socket."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.children import ROOT, python

STOP_SECONDS = 20.0


class Server(NamedTuple):
    """A running local host: its Tenant URL, the token it printed, and its process."""

    tenant_url: str
    token: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """The port that it took."""
        found = re.search(r":(\d+)/", self.tenant_url)
        assert found is not None
        return int(found[1])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)


def environment(**settings: str) -> dict[str, str]:
    """Return the environment of a process that knows these settings and no others of the service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCIM_", "AZURE_", "PORT"))}
    return kept | {"PYTHONPATH": str(ROOT)} | settings


@contextmanager
def serving(
    folder: Path, *arguments: str, command: Sequence[str] = ("scim", "serve"), **settings: str
) -> Iterator[Server]:
    """Run `python -m scim serve` in a folder, on a free port unless arguments say otherwise, until the block ends.

    Another `command` of a module is to serve as well.
    """
    with (
        (folder / "stderr").open("a") as errors,
        python(
            *("-m", *command, *(arguments or ("0",))),
            cwd=folder,
            env=environment(**settings),
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        printed = _printed(process)
        yield Server(printed["Tenant URL"], printed["Secret token"], process)


def _printed(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return what the host announces, name by name."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    while "Health" not in found:
        line = process.stdout.readline()
        assert line, f"the server did not start; it printed {found}"
        name, _, value = line.strip().partition("  ")
        found[name] = value.strip()
    return found
