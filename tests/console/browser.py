"""A real browser in front of the local host, and what every look at the console is judged by."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.children import ROOT

OPERATOR = "an-operator-token-that-only-tests-know"
PROVISION = "a-provision-token-that-only-tests-know"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
VIOLATIONS = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => window.violations.push(
    `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
PATIENCE = 60_000
"""Milliseconds after which what never comes fails: on a machine that is busy, a page may take long."""


def executable() -> str:
    """Return the path of a Chromium; skip the test where there is none."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    return found


@contextmanager
def running() -> Iterator[Browser]:
    """Run a browser without a window until the block ends."""
    path = executable()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS), timeout=PATIENCE)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody who looks at the console: the page, and what was wrong on it so far."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)
    foreign: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    """Methods and addresses of the requests to `/manage`."""

    def watch(self) -> None:
        """Begin to note errors, and requests to other hosts."""
        self.page.set_default_timeout(PATIENCE)
        self.page.add_init_script(VIOLATIONS)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._note)

    def _note(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and f"{address.scheme}://{address.netloc}" != self.base:
            self.foreign.add(request.url)
        if address.path.startswith("/manage/"):
            self.asked.append(f"{request.method} {address.path.removeprefix('/manage/v1/')}")

    def open(self, fragment: str = "") -> None:
        """Load the page."""
        self.page.goto(f"{self.base}/console{fragment}")

    def enter(self, token: str = OPERATOR) -> None:
        """Fill the form in, and send it."""
        self.page.get_by_label("Credential", exact=True).fill(token)
        self.page.get_by_role("button", name="Sign in").click()

    def signed_in(self, fragment: str = "", token: str = OPERATOR) -> Page:
        """Load the page and sign in; return it when its heading is there."""
        self.open(fragment)
        self.enter(token)
        expect(self.page.get_by_role("navigation", name="SCIM console")).to_be_visible()
        return self.page

    def go(self, name: str) -> None:
        """Choose a page, and wait for what it shows."""
        self.page.get_by_role("navigation", name="SCIM console").get_by_role("link", name=name).click()
        expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()
        expect(self.page.locator("main [aria-busy=true]")).to_have_count(0)

    def accessible(self) -> None:
        """Check that axe finds no violation on what is shown now."""
        if not AXE.is_file():
            pytest.skip("axe-core is not installed: make setup")
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        told = [
            f"{each['id']}: {node['html'][:120]} {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]
        assert told == [], "\n".join(told)
        assert found["passes"]

    def fits(self) -> None:
        """Check that nothing has to be scrolled sideways."""
        found = self.page.evaluate("""() => {
            const {scrollWidth, clientWidth} = document.documentElement;
            if (scrollWidth <= clientWidth) return [];
            const outside = (each) => each.getBoundingClientRect().right > clientWidth;
            return [...document.querySelectorAll('body *')].filter(outside).map((each) => each.outerHTML.slice(0, 99));
        }""")
        assert found == [], "\n".join(found)

    def judge(self) -> None:
        """Check that all went by the rules: no error, nothing that the policy forbids, no other host."""
        forbidden = self.page.evaluate("window.violations")
        assert (self.faults, forbidden, self.foreign) == ([], [], set()), (self.faults, forbidden, self.foreign)


@contextmanager
def visiting(browser: Browser, base: str, **options: Any) -> Iterator[Visitor]:
    """Return somebody with a browser of their own; at the end all that they saw is judged."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    visitor = Visitor(context.new_page(), base)
    visitor.watch()
    try:
        yield visitor
        visitor.judge()
    finally:
        context.close()


def settings_in(folder: Path) -> dict[str, str]:
    """Return the settings of a service that keeps all it has in a folder."""
    return {"SCIM_STORAGE": f"sqlite:{folder}/scim.db", "SCIM_TOKEN": PROVISION, "SCIM_ADMIN_TOKEN": OPERATOR}


def scim(base: str, key: str = "scim", token: str = PROVISION) -> httpx.Client:
    """Return a client that provisions."""
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "provisioner"}
    return httpx.Client(base_url=f"{base}/{key}/v2", headers=headers, timeout=PATIENCE / 1_000)


def journaled(base: str, count: int, key: str = "scim") -> None:
    """Wait until the journal of a tenant has so many requests: it collects them for two seconds."""
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    with httpx.Client(headers=headers, timeout=PATIENCE / 1_000) as client:
        found = 0
        while found < count:
            answer = client.get(f"{base}/manage/v1/tenants/{key}/requests", params={"count": count})
            found = len(answer.json()["requests"])
