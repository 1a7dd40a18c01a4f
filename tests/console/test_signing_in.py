"""Who sees what: nobody without a credential, and each credential its own tenants alone."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from scim.app import build
from scim.protocol.resource import format_date_time
from scim.settings import Settings
from tests.console.browser import OPERATOR, PROVISION, Visitor, settings_in
from tests.tenancy import credential


@pytest.fixture(scope="module")
def base(shared: str) -> str:
    """Nothing here is in the way of another test."""
    return shared


def made(base: str, path: str, **body: object) -> dict[str, str]:
    """Create something by the operator over HTTP, and return it."""
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    answer = httpx.post(f"{base}/manage/v1/{path}", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def administrator(base: str, key: str) -> str:
    """Return the token of a new administrator of one tenant."""
    return made(base, f"tenants/{key}/credentials", name="admin", scope="admin")["secretToken"]


def test_nothing_is_asked_for_without_a_credential(visitor: Visitor) -> None:
    """The page that everybody may load holds no data, whatever its address says."""
    visitor.open("#/scim/overview")
    expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert visitor.asked == []
    assert visitor.page.get_by_role("navigation").count() == 0


def test_a_wrong_credential_is_refused_in_words(visitor: Visitor) -> None:
    """And so is one that is only for provisioning; an empty or odd one is not even sent."""
    visitor.open()
    for token in ("made-up", PROVISION):
        visitor.enter(token)
        expect(visitor.page.get_by_role("alert")).to_contain_text("must be admin or operator")
    asked = list(visitor.asked)
    visitor.enter("with a blank")
    expect(visitor.page.get_by_role("alert")).to_contain_text("no blanks")
    assert visitor.asked == asked == ["GET tenants", "GET tenants"]


def test_the_operator_sees_all_tenants(visitor: Visitor, base: str) -> None:
    """And chooses one."""
    key = made(base, "tenants", name="Contoso")["key"]
    page = visitor.signed_in()
    page.get_by_label("Tenant").select_option(key)
    expect(page).to_have_url(re.compile(f"#/{key}/overview"))
    expect(page.get_by_text("Nobody has called yet")).to_be_visible()


def test_an_administrator_sees_one_tenant_and_gets_no_other_by_its_address(visitor: Visitor, base: str) -> None:
    """Neither by the page's own address nor by the service's."""
    own, other = (made(base, "tenants", name=name)["key"] for name in ("Contoso", "Fabrikam"))
    page = visitor.signed_in(f"#/{other}/overview", administrator(base, own))
    expect(page).to_have_url(re.compile(f"#/{own}/overview"))
    assert page.get_by_label("Tenant").count() == 0
    page.evaluate(f"location.hash = '#/{other}/log'")
    expect(page).to_have_url(re.compile(f"#/{own}/overview"))
    assert not [each for each in visitor.asked if other in each]
    headers = {"Authorization": f"Bearer {administrator(base, own)}"}
    assert httpx.get(f"{base}/manage/v1/tenants/{other}/overview", headers=headers).status_code == 404


def test_a_credential_that_is_revoked_ends_what_is_shown(visitor: Visitor, base: str) -> None:
    """With the next request, and nothing that was shown stays."""
    credential = made(base, "tenants/scim/credentials", name="admin", scope="admin")
    visitor.page.clock.install()
    page = visitor.signed_in(token=credential["secretToken"])
    expect(page.get_by_role("heading", name="Signs of life")).to_be_visible()
    path = f"{base}/manage/v1/tenants/scim/credentials/{credential['id']}/revoke"
    assert httpx.post(path, headers={"Authorization": f"Bearer {OPERATOR}"}).status_code == 200
    own = {"Authorization": f"Bearer {credential['secretToken']}"}
    while httpx.get(f"{base}/manage/v1/tenants", headers=own).status_code == 200:  # for ten seconds at most
        continue
    page.clock.run_for(61_000)
    expect(page.get_by_role("alert")).to_contain_text("not valid any more")
    assert page.get_by_text("Signs of life").count() == 0


def expired(folder: Path) -> str:
    """Return the token of an administrator that expired a minute ago; nobody can make one that has."""

    async def issue() -> str:
        app = build(Settings(storage=settings_in(folder)["SCIM_STORAGE"], token=(PROVISION,)))
        expires = format_date_time(datetime.now(UTC) - timedelta(minutes=1))
        _, token = await credential(app, "scim", "admin", expires=expires)
        await app.close()
        return token

    with ThreadPoolExecutor() as pool:  # the browser's own loop runs in this thread
        return pool.submit(asyncio.run, issue()).result()


def test_a_credential_that_expired_is_refused_in_words(visitor: Visitor, shared_folder: Path) -> None:
    """And nothing is shown for it."""
    visitor.open("#/scim/overview")
    visitor.enter(expired(shared_folder))
    expect(visitor.page.get_by_role("alert")).to_contain_text("This credential is not valid")
    assert visitor.page.get_by_role("navigation").count() == 0
    visitor.accessible()


def test_a_reload_and_signing_out_forget_the_credential(visitor: Visitor) -> None:
    """It is in the memory of the page alone: no cookie, nothing stored."""
    page = visitor.signed_in()
    kept = page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]")
    assert kept == ["", 0, 0]
    page.reload()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    visitor.enter()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_password_manager_finds_its_fields(visitor: Visitor) -> None:
    """A name and a password in one form, marked as such."""
    visitor.open()
    form = visitor.page.locator("form")
    assert form.locator("[autocomplete=username]").count() == 1
    assert form.locator("[type=password][autocomplete=current-password]").count() == 1
