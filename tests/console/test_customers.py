"""Customers: a tenant is made in the browser and used by a client; credentials, webhooks and roles are looked after."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.browser import Visitor, journaled, scim
from tests.console.test_signing_in import administrator, made


@pytest.fixture(scope="module")
def base(shared: str) -> str:
    """Nothing here is in the way of another test."""
    return shared


def section(page: Page, heading: str | re.Pattern[str]) -> Locator:
    return page.locator("section", has=page.get_by_role("heading", level=2, name=heading))


def secret(page: Page, name: str) -> str:
    """Return what the dialog shows under a name."""
    return page.get_by_role("dialog").locator("div", has=page.locator("dt", has_text=name)).locator("code").inner_text()


def test_a_tenant_is_made_tried_and_used_by_a_client(visitor: Visitor, base: str) -> None:
    """With Entra's own words beside what has to be pasted, which is shown once; what the client does is seen then."""
    visitor.page.clock.install()
    page = visitor.signed_in("#/scim/customers")
    form = page.get_by_role("form", name="New customer")
    form.get_by_label("Name").fill("<b>Contoso</b>")
    form.get_by_role("button", name="Create").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The customer <b>Contoso</b> is there")
    expect(dialog).to_contain_text("press Test Connection, then Save")
    url, token = secret(page, "Tenant URL"), secret(page, "Secret Token")
    key = url.removeprefix(f"{base}/").removesuffix("/v2")
    visitor.accessible()
    dialog.get_by_role("button", name="Test Connection").click()
    expect(dialog.get_by_role("status")).to_contain_text("Works: the service answered 200")
    for _ in range(2):
        page.keyboard.press("Escape")
        page.evaluate("new Promise((done) => setTimeout(done))")  # by then the dialog has heard of it
        expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="I have copied it").click()
    assert token not in page.content()
    page.get_by_role("link", name="<b>Contoso</b>").click()
    expect(page).to_have_url(re.compile(f"#/{key}/customers"))
    with scim(base, key, token) as client:
        assert client.post("/Users", json={"userName": "mira@contoso.example"}).status_code == 201
    journaled(base, 2, key)
    visitor.go("Directory")
    expect(page.get_by_role("link", name="mira@contoso.example")).to_be_visible()
    visitor.go("Provisioning log")
    expect(page.get_by_role("list", name="Requests, newest first")).to_contain_text("mira@contoso.example")


def test_copying_puts_the_text_on_the_clipboard(visitor: Visitor, base: str) -> None:
    """Nobody selects a token by hand."""
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.signed_in("#/scim/customers")
    page.get_by_role("button", name="Copy: Tenant URL").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"{base}/scim/v2"


def test_a_credential_is_made_rotated_and_revoked(visitor: Visitor, base: str) -> None:
    """The old one stays valid until it is revoked, and both are told apart; the vault's secret is shown beside them."""
    page = visitor.signed_in("#/scim/customers")
    form = page.get_by_role("form", name="New credential")
    form.get_by_label("Name").fill("Entra")
    form.get_by_role("button", name="Create").click()
    first = secret(page, "Secret Token")
    page.get_by_role("button", name="I have copied it").click()
    page.get_by_role("button", name="Rotate: Entra").click()
    second = secret(page, "Secret Token")
    page.get_by_role("button", name="I have copied it").click()
    listed = section(page, "Credentials")
    expect(listed.get_by_role("row")).to_have_count(4)
    expect(listed.get_by_text("secret of the key vault")).to_have_count(1)
    expect(page.get_by_role("button", name=": key-vault")).to_have_count(0)
    for token in (first, second):
        with scim(base, token=token) as client:
            assert client.get("/Users").status_code == 200
    page.get_by_role("button", name="Revoke: Entra").first.click()
    dialog = page.get_by_role("dialog", name="Revoke")
    expect(dialog).to_contain_text("is refused from now on")
    visitor.accessible()
    dialog.get_by_role("button", name="Cancel").click()
    expect(listed.get_by_text("active", exact=True)).to_have_count(3)
    page.get_by_role("button", name="Revoke: Entra").first.click()
    dialog.get_by_role("button", name="Revoke").click()
    expect(listed.get_by_text("revoked", exact=True)).to_have_count(1)
    page.get_by_role("button", name="Remove: Entra").click()
    expect(listed.get_by_role("row")).to_have_count(3)
    visitor.accessible()


def test_a_tenant_is_suspended_and_opened_again(visitor: Visitor, base: str) -> None:
    """After a question that says what it means."""
    made(base, "tenants", name="Fabrikam")
    page = visitor.signed_in("#/scim/customers")
    page.get_by_role("button", name="Suspend: Fabrikam").click()
    dialog = page.get_by_role("dialog", name="Suspend")
    expect(dialog).to_contain_text("for good after four weeks")
    dialog.get_by_role("button", name="Suspend").click()
    page.get_by_role("button", name="Resume: Fabrikam").click()
    expect(page.get_by_role("button", name="Suspend: Fabrikam")).to_be_visible()


def test_what_the_service_refuses_is_told_beside_the_form(visitor: Visitor) -> None:
    """In its own words, and the page goes on."""
    page = visitor.signed_in("#/scim/customers")
    form = page.get_by_role("form", name="New webhook")
    form.get_by_label("Address").fill("ftp://contoso.example/hook")
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_role("alert")).to_contain_text("https")
    visitor.accessible()


def test_an_administrator_is_offered_what_it_may_do(visitor: Visitor, base: str) -> None:
    """No other tenants, no new ones, and of credentials those for reading and for events."""
    key = made(base, "tenants", name="Contoso")["key"]
    page = visitor.signed_in(f"#/{key}/customers", administrator(base, key))
    form = page.get_by_role("form", name="New credential")
    expect(form.get_by_role("option")).to_have_count(2)
    assert page.get_by_role("heading", name="New customer").count() == 0
    assert page.get_by_role("button", name=re.compile("Rotate")).count() == 0
    visitor.accessible()


class Receiver(BaseHTTPRequestHandler):
    """Takes each event."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def receiver() -> Iterator[str]:
    """The address of a server that takes webhooks."""
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()
        thread.join()


def test_a_webhook_is_made_and_tested(visitor: Visitor, receiver: str) -> None:
    """With its secret once, then whether it is behind, and what the receiver says."""
    page = visitor.signed_in("#/scim/customers")
    form = page.get_by_role("form", name="New webhook")
    form.get_by_label("Address").fill(receiver)
    form.get_by_label("Events").fill("user.created, user.deleted")
    form.get_by_role("button", name="Create").click()
    assert secret(page, "Signing secret").startswith("whsec_")
    page.get_by_role("button", name="I have copied it").click()
    hook = page.get_by_role("article").filter(has_text=receiver)
    expect(hook).to_contain_text("up to date")
    expect(hook).to_contain_text("user.created, user.deleted")
    hook.get_by_role("button", name="Test").click()
    expect(hook.get_by_role("status")).to_contain_text("The receiver answered 204")
    hook.get_by_role("button", name="Disable").click()
    expect(hook).to_contain_text("disabled: an operator has disabled it")
    visitor.accessible()
    hook.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No webhooks.")).to_be_visible()


def test_a_group_gives_a_role_and_no_more(visitor: Visitor, base: str) -> None:
    """What the application asks for under /access."""
    with scim(base) as client:
        client.post("/Groups", json={"displayName": "Engineers"})
    page = visitor.signed_in("#/scim/customers")
    access = section(page, re.compile("Access"))
    access.get_by_label("Group", exact=True).fill("Engineers")
    access.get_by_label("Role", exact=True).fill("editor")
    access.get_by_role("button", name="Add").click()
    expect(access.get_by_role("row").last).to_contain_text("Engineers")
    visitor.accessible()
    access.get_by_role("button", name="Take away editor").click()
    expect(access).to_contain_text("No group gives a role.")
