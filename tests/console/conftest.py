"""The local host in a process of its own, a browser, and somebody who looks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.console.browser import Visitor, running, settings_in, visiting
from tests.server import Server, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a file: as long as there is one, its event loop runs, and no other one can."""
    with running() as made:
        yield made


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service of all tests of a file runs, and what it keeps."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def shared(browser: Browser, shared_folder: Path) -> Iterator[str]:
    """Scheme and host of one service for those tests of a file that leave each other alone: it takes a second."""
    with serving(shared_folder, **settings_in(shared_folder)) as made:
        yield f"http://127.0.0.1:{made.port}"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service of a test runs, and what it keeps."""
    return tmp_path_factory.mktemp("console")


@pytest.fixture
def settings(folder: Path) -> dict[str, str]:
    """Those of the service of a test, and of commands beside it."""
    return settings_in(folder)


@pytest.fixture
def server(browser: Browser, folder: Path, settings: dict[str, str]) -> Iterator[Server]:
    """A service of the test's own, over a file, with a token of each kind."""
    with serving(folder, **settings) as made:
        yield made


@pytest.fixture
def base(server: Server) -> str:
    """Scheme and host of the service."""
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture
def visitor(browser: Browser, base: str) -> Iterator[Visitor]:
    """Somebody who looks at the console on a screen of usual size."""
    with visiting(browser, base) as made:
        yield made
