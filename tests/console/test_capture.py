"""What support asks for first, in the browser: what was sent, and who changed what."""

import json
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.console.browser import Visitor, scim


def test_what_was_sent_is_captured_shown_and_saved(base: str, visitor: Visitor) -> None:
    """Without Authorization, with values masked, and as a file that can be replayed; the audit tells of it."""
    page = visitor.signed_in("#/scim/log")
    page.get_by_text("what did the identity provider send?").click()
    form = page.get_by_role("form", name=re.compile("Capture"))
    form.get_by_label("Minutes").fill("5")
    form.get_by_role("button", name="Start").click()
    expect(page.get_by_text("It runs until")).to_be_visible()
    with scim(base) as client:
        assert client.post("/Users", json={"userName": "mira@contoso.example"}).status_code == 201
    listed = page.get_by_role("list", name="Captured requests, newest first")
    page.get_by_role("button", name="Look again").click()
    expect(listed).to_contain_text("POST/Users")
    listed.locator("summary").first.click()
    expect(listed.get_by_role("heading", name="Answer")).to_be_visible()
    shown = listed.inner_text()
    assert "mira@contoso.example" not in shown
    assert "Bearer" not in shown
    assert "nosniff" in shown
    assert re.search(r"\n\n\{.*@masked", listed.locator("pre").first.inner_text()), "a blank line before the body"
    visitor.accessible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download for replay").click()
    recording = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert len(recording["exchanges"]) == 1
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("The last one ended")).to_be_visible()
    visitor.go("Customers")
    audit = page.get_by_role("region", name="Audit: who changed what here")
    expect(audit).to_contain_text(re.compile("StartCapture"))
    expect(audit.get_by_text("done").first).to_be_visible()
    visitor.accessible()
