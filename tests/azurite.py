"""Azurite, the emulator of Azure Storage, started for tests and stopped after them."""

import base64
import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import children

FOLDER = children.ROOT / "node_modules" / ".bin"
START_SECONDS = 60.0


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """Run one emulator for the whole session; the value is its connection string."""
    with running() as connection_string:
        yield connection_string


@pytest.fixture(scope="session")
def azurite_queues() -> Iterator[str]:
    """Run one emulator of Queue Storage for the whole session; the value is its connection string."""
    with running("queue") as connection_string:
        yield connection_string


@contextmanager
def running(service: str = "table") -> Iterator[str]:
    """Run an emulator of one service of Azure Storage on a free port of 127.0.0.1, and give its connection string.

    It keeps everything in memory, under an account and a key made up for this run.
    """
    command = FOLDER / f"azurite-{service}"
    if not command.exists():
        pytest.fail("Azurite is not installed: run `make setup`.", pytrace=False)
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    port = _free_port()
    with (
        tempfile.TemporaryFile() as log,
        children.running(
            [
                command,
                "--inMemoryPersistence",
                "--disableTelemetry",
                "--silent",
                *(f"--{service}Host", "127.0.0.1"),
                *(f"--{service}Port", str(port)),
            ],
            env=os.environ | {"AZURITE_ACCOUNTS": f"scim:{key}"},
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as server,
    ):
        _wait(server, port, log.fileno())
        yield (
            f"DefaultEndpointsProtocol=http;AccountName=scim;AccountKey={key};"
            f"{service.capitalize()}Endpoint=http://127.0.0.1:{port}/scim;"
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(server: subprocess.Popen[str], port: int, log: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"Azurite ended at once: {os.pread(log, 2000, 0).decode()}", pytrace=False)
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"Azurite does not answer after {START_SECONDS:.0f} s.", pytrace=False)
