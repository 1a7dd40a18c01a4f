"""Streams of security events in the browser: made, watched, restarted and deleted."""

from pathlib import Path
from subprocess import DEVNULL

import httpx
import pytest
from playwright.sync_api import expect

from tests.children import python
from tests.console.browser import OPERATOR, Visitor, scim
from tests.console.test_customers import receiver, secret, section
from tests.server import environment

__all__ = ["receiver"]


@pytest.fixture
def signing_key(base: str, folder: Path, settings: dict[str, str]) -> None:
    """The key that signs what streams have, made by the command for it beside the running service."""
    with python(
        "-m", "scim", "signing-key", "create", cwd=folder, env=environment(**settings), stdout=DEVNULL
    ) as command:
        assert command.wait() == 0


def test_a_service_without_a_signing_key_says_how_to_make_one(visitor: Visitor) -> None:
    """Beside the form, and nothing is made."""
    page = visitor.signed_in("#/scim/customers")
    streams = section(page, "Streams of security events")
    streams.get_by_role("button", name="Create").click()
    expect(streams.get_by_role("alert")).to_contain_text("python -m scim signing-key create")
    expect(streams).to_contain_text("No streams.")


@pytest.mark.usefixtures("signing_key")
def test_a_stream_is_made_used_and_deleted(visitor: Visitor, base: str) -> None:
    """Its address and token are shown once; then how far its receiver is, what waits, and what was dropped."""
    page = visitor.signed_in("#/scim/customers")
    streams = section(page, "Streams of security events")
    expect(streams).to_contain_text("No streams.")
    streams.get_by_label("Events").fill("user.created")
    streams.get_by_role("button", name="Create").click()
    address, token = secret(page, "Stream address"), secret(page, "Secret Token")
    visitor.accessible()
    page.get_by_role("button", name="I have copied it").click()
    stream = page.get_by_role("article").filter(has_text=address)
    expect(stream).to_contain_text("up to date")
    with scim(base) as client:
        for name in ("mira", "omar"):
            assert client.post("/Users", json={"userName": name}).status_code == 201
    headers = {"Authorization": f"Bearer {token}"}
    sets = httpx.post(address, json={"returnImmediately": True}, headers=headers).json()["sets"]
    assert len(sets) == 2
    acknowledged = {"ack": [min(sets)], "maxEvents": 0, "returnImmediately": True}
    assert httpx.post(address, json=acknowledged, headers=headers).status_code == 200
    visitor.go("Overview")
    visitor.go("Customers")
    expect(stream).to_contain_text("1 event is not acknowledged yet")
    expect(stream.locator("div", has=page.get_by_text("Dropped", exact=True))).to_contain_text("0")
    visitor.accessible()
    stream.get_by_role("button", name="Go on from now").click()
    page.get_by_role("dialog").get_by_role("button", name="Go on from now").click()
    expect(stream).to_contain_text("up to event 2")
    expect(stream).to_contain_text("up to date")
    stream.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(streams).to_contain_text("No streams.")


@pytest.mark.usefixtures("signing_key")
def test_a_webhook_of_security_events_says_so(visitor: Visitor, base: str, receiver: str) -> None:
    """Its tokens are signed by the key of the service: there is no secret of its own to be rotated."""
    wanted = {"url": receiver, "form": "security-event", "sessionRevoked": "scim"}
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    assert httpx.post(f"{base}/manage/v1/tenants/scim/webhooks", json=wanted, headers=headers).status_code == 201
    page = visitor.signed_in("#/scim/customers")
    hook = page.get_by_role("article").filter(has_text=receiver)
    expect(hook).to_contain_text("security event tokens, and one when sessions end, by scim")
    expect(hook.get_by_role("button", name="Rotate secret")).to_have_count(0)
    hook.get_by_role("button", name="Test").click()
    expect(hook.get_by_role("status")).to_contain_text("The receiver answered 204")
    visitor.accessible()
