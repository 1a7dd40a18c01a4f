"""The servers that are compared, each a process of its own, and what it takes from the machine."""

import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.load.generator import Tenant

ROOT = Path(__file__).resolve().parent.parent.parent
PEERS = Path(__file__).resolve().parent.parent / "peers"
_URL = re.compile(r"http://127\.0\.0\.1:\d+\S*")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, eq=False)
class Kind:
    """One way to serve SCIM: what a reader calls it, what keeps its data, and how it is started."""

    name: str
    about: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


OURS = Kind("this project", "SQLite file, local host", (sys.executable, "-m", "scim", "serve", "0"))
WORKER = Kind(
    "this project, Functions worker",
    "SQLite file, the real language worker behind an aiohttp front",
    (sys.executable, "-m", "bench.hosts.worker_host"),
)
SCIM2_SERVER = Kind(
    "scim2-server",
    "in memory, uvicorn with uvloop and httptools",
    (str(PEERS / ".venv" / "bin" / "python"), str(PEERS / "scim2_server_peer.py"), "{token}"),
)
SCIMMY = Kind(
    "SCIMMY",
    "in memory, scimmy-routers on Express 4",
    ("node", str(PEERS / "scimmy_peer.js"), "{token}"),
    {"NODE_ENV": "production"},
)


class Server:
    """A running server."""

    def __init__(self, kind: Kind, process: subprocess.Popen[str], tenant: Tenant) -> None:
        self.kind = kind
        self.tenant = tenant
        self._process = process

    def cpu(self) -> float:
        """Return the processor seconds of the process since its start, its threads among them."""
        fields = self._stat().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident(self) -> float:
        """Return the resident memory in MiB."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * _PAGE / 2**20

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def _stat(self) -> str:
        return Path(f"/proc/{self._process.pid}/stat").read_text()


@contextmanager
def running(kind: Kind, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a server on a free port of 127.0.0.1 and stop it afterwards; its data is gone then.

    Raises SystemExit with the end of its log when it does not start.
    """
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as log:
        settings = {"SCIM_STORAGE": f"sqlite:{folder}/scim.db", "SCIM_TOKEN": token, "HOME": folder}
        command = [part.format(token=token) for part in kind.command]
        process = subprocess.Popen(  # noqa: S603 - the commands are those above
            command,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **settings, **kind.environment, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield Server(kind, process, Tenant(_announced(kind, process, log.fileno()), token))
        finally:
            process.terminate()
            process.wait(30)
            if process.stdout:
                process.stdout.close()


def _announced(kind: Kind, process: subprocess.Popen[str], log: int) -> str:
    assert process.stdout is not None  # noqa: S101
    for line in process.stdout:
        if found := _URL.search(line):
            return found[0]
    text = os.pread(log, 4000, 0).decode(errors="replace")
    raise SystemExit(f"{kind.name} does not start: {' '.join(kind.command)}\n{text}")
