"""The log of all tenants in the browser: for an operator, with whose each request is."""

import re

from playwright.sync_api import expect

from tests.console.browser import Visitor, journaled, scim
from tests.console.test_log import rows
from tests.console.test_signing_in import administrator, made


def test_an_operator_looks_through_all_tenants_and_through_one(visitor: Visitor, base: str) -> None:
    """By the same filters; a request opens into the directory of its own tenant."""
    contoso = made(base, "tenants", name="<b>Contoso</b>")
    with scim(base) as client:
        client.post("/Users", json={"userName": "mira@fabrikam.example"})
    with scim(base, contoso["key"], contoso["secretToken"]) as client:
        user = client.post("/Users", json={"userName": "omar@contoso.example"}).json()["id"]
    journaled(base, 1)
    journaled(base, 1, contoso["key"])
    page = visitor.signed_in("#/scim/log")
    expect(rows(page)).to_have_count(1)
    form = page.get_by_role("form", name="Filter")
    form.get_by_label("Tenant").select_option("All tenants")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("<b>Contoso</b>")
    expect(rows(page).last).to_contain_text("Default tenant")
    assert page.get_by_role("button", name="CSV").count() == 0
    visitor.accessible()
    page.set_viewport_size({"width": 320, "height": 640})
    visitor.fits()
    page.set_viewport_size({"width": 1280, "height": 800})
    form.get_by_label("User or group").fill("omar")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(rows(page)).to_have_count(1)
    rows(page).first.locator("summary").click()
    page.get_by_role("link", name=re.compile("Attributes and history")).click()
    expect(page).to_have_url(re.compile(f"#/{contoso['key']}/directory/users/{user}"))
    page.go_back()
    expect(rows(page)).to_have_count(1)
    form.get_by_label("Tenant").select_option("Default tenant")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page).to_have_url(re.compile(r"#/scim/log\?user=omar"))
    expect(page.get_by_text("No request fits these filters.")).to_be_visible()


def test_an_administrator_has_no_such_choice(visitor: Visitor, base: str) -> None:
    """Neither in the form nor by an address."""
    key = made(base, "tenants", name="Contoso")["key"]
    page = visitor.signed_in(f"#/{key}/log?tenant=all", administrator(base, key))
    expect(page.get_by_role("alert")).to_contain_text("Only an operator may do this.")
    assert page.get_by_role("form").get_by_label("Tenant").count() == 0
