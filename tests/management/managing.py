"""Clients of /manage/v1, and what its document promises of an answer."""

import json
from typing import Any

from scim.app import App
from scim.management.openapi_schemas import SCHEMAS
from scim.service.messages import Request
from tests.conftest import HOST, Answer
from tests.tenancy import credential


class Manager:
    """A client of /manage/v1 with one token."""

    def __init__(self, app: App, token: str | None) -> None:
        self._app, self._token = app, token

    async def ask(self, method: str, path: str, body: Any = None, address: str = "", **headers: str) -> Answer:
        """Send a request to a path below /manage/v1; a body that is no JSON comes as text."""
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        if self._token:
            sent["authorization"] = f"Bearer {self._token}"
        content = b"" if body is None else json.dumps(body).encode()
        request = Request(method, f"{HOST}/manage/v1{path}", sent, content, "request-1", address)
        response = await self._app.management.respond(request)
        text = response.content()
        expected = "application/problem+json" if response.status >= 400 else "application/json"
        if response.media_type == "text/csv":
            return Answer(response.status, response.headers, text.decode("utf-8-sig"))
        assert response.media_type == expected
        return Answer(response.status, response.headers, json.loads(text) if text else None)


async def operator(app: App) -> Manager:
    """Return who operates the deployment."""
    return Manager(app, (await credential(app, "", "operator"))[1])


async def administrator(app: App, key: str = "scim") -> Manager:
    """Return who administers one tenant."""
    return Manager(app, (await credential(app, key, "admin"))[1])


def fits(name: str, value: Any) -> None:
    """Check that a value has what the document promises of it, and nothing that it does not name."""
    schema = SCHEMAS[name]
    assert set(schema["required"]) <= set(value)
    assert set(value) <= set(schema["properties"])
