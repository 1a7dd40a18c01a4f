"""Streams over HTTP: who may have them, and that each answer is as the OpenAPI document says."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from scim.app import App
from scim.security_events.signing import new_pem
from scim.security_events.stream import MAX_STREAMS
from tests.conftest import HOST, Clock, Http, make_app
from tests.management.managing import Manager, administrator, fits
from tests.recording import RecordingRows
from tests.tenancy import credential, tenant


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock, tmp_path: Path) -> AsyncIterator[App]:
    """A service that can sign."""
    key = tmp_path / "key.pem"
    key.write_text(new_pem())
    made = make_app(rows, clock, signing_key=key)
    yield made
    await made.close()


@pytest.fixture
async def operator(app: App) -> Manager:
    return Manager(app, (await credential(app, "", "operator"))[1])


async def made(manager: Manager, key: str, body: Any = None) -> Any:
    answer = await manager.ask("POST", f"/tenants/{key}/streams", body)
    assert answer.status == 201, answer.body
    fits("Stream", answer.body)
    return answer.body


async def test_a_stream_is_operated_over_http(app: App, operator: Manager, http: Http) -> None:
    """The same as on the command line; its token is in the first answer alone."""
    stream = await made(operator, "scim", {"types": ["user.created"], "wait": 3})
    assert stream["url"] == f"{HOST}/scim/v2/events/sets/{stream['id']}"
    await http.user("mira")
    path = f"/events/sets/{stream['id']}"
    fetched = await Http(app, stream["secretToken"]).request("POST", path, {"returnImmediately": True})
    assert len(fetched.body["sets"]) == 1
    assert [each["waiting"] for each in (await operator.ask("GET", "/tenants/scim/streams")).body["streams"]] == [1]
    base = f"/tenants/scim/streams/{stream['id']}"
    other, token = await credential(app, "scim", "events")
    bound = await operator.ask("POST", f"{base}/bind", {"credential": other})
    restarted = await operator.ask("POST", f"{base}/restart")
    for answer in (bound, restarted):
        assert answer.status == 200, answer.body
        fits("Stream", answer.body)
        assert "secretToken" not in answer.body
        assert answer.headers["Cache-Control"] == "no-store"
    assert (restarted.body["acknowledgedUpTo"], restarted.body["waiting"]) == (1, 0)
    assert (await Http(app, stream["secretToken"]).request("POST", path, {})).status == 404
    assert (await Http(app, token).request("POST", path, {"returnImmediately": True})).body["sets"] == {}
    [listed] = (await operator.ask("GET", "/tenants/scim/streams")).body["streams"]
    fits("Stream", listed)
    assert (await operator.ask("DELETE", base)).status == 204
    assert (await operator.ask("DELETE", base)).status == 404
    assert (await Http(app, token).request("POST", path, {})).status == 404


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"types": ["user.born"]}, "user.created"),
        ({"types": ["group.roles_changed"]}, "group.updated"),
        ({"types": [1]}, "list of texts"),
        ({"wait": 21}, "0 to 20"),
        ({"wait": "1"}, "whole number"),
        ({"wait": True}, "whole number"),
        ({"credential": "nobody"}, "no credential"),
        ({"secret": "mine"}, "not known"),
    ],
)
async def test_a_stream_that_cannot_be_is_refused(app: App, operator: Manager, body: Any, told: str) -> None:
    """With what to change; neither a stream is kept nor a credential made."""
    before = await app.administration.credentials("scim")
    answer = await operator.ask("POST", "/tenants/scim/streams", body)
    assert (answer.status, told in answer.body["detail"]) == (404 if "nobody" in str(body) else 400, True)
    assert await (await app.streams()).all() == []
    assert await app.administration.credentials("scim") == before


async def test_a_tenant_has_twenty_streams_at_most(operator: Manager) -> None:
    """Each of them is looked at when events expire."""
    for _ in range(MAX_STREAMS):
        await made(operator, "scim")
    answer = await operator.ask("POST", "/tenants/scim/streams")
    assert (answer.status, str(MAX_STREAMS) in answer.body["detail"]) == (400, True)


async def test_a_tenant_s_administrator_has_streams_of_that_tenant_only(app: App, operator: Manager) -> None:
    """And binds none to a credential of another one."""
    mine, other = await tenant(app), await tenant(app)
    admin = await administrator(app, mine)
    stream, foreign = await made(admin, mine), await made(operator, other)
    assert (await admin.ask("GET", f"/tenants/{other}/streams")).status == 404
    assert (await admin.ask("DELETE", f"/tenants/{mine}/streams/{foreign['id']}")).status == 404
    path = f"/tenants/{mine}/streams/{stream['id']}/bind"
    assert (await admin.ask("POST", path, {"credential": foreign["credential"]})).status == 404
    assert (await admin.ask("POST", path, {})).status == 400


@pytest.mark.parametrize("state", ["revoked", "of another scope"])
async def test_a_stream_takes_a_valid_credential_for_events(app: App, operator: Manager, state: str) -> None:
    """One that can do nothing, or more than it needs, is a mistake."""
    holder, _ = await credential(app, "scim", "events" if state == "revoked" else "read")
    if state == "revoked":
        await app.administration.revoke(holder)
    answer = await operator.ask("POST", "/tenants/scim/streams", {"credential": holder})
    assert (answer.status, "scope events" in answer.body["detail"]) == (400, True)
