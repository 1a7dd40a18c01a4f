"""The local host in a process of its own, a browser, and somebody who looks."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.console.browser import OPERATOR, PROVISION, Visitor, running, visiting
from tests.server import Server, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a file: as long as there is one, its event loop runs, and no other one can."""
    with running() as made:
        yield made


@pytest.fixture
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service of the test's own, over a file, with a token of each kind."""
    folder = tmp_path_factory.mktemp("console")
    settings = {"SCIM_STORAGE": f"sqlite:{folder}/scim.db", "SCIM_TOKEN": PROVISION, "SCIM_ADMIN_TOKEN": OPERATOR}
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
