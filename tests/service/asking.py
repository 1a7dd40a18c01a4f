"""What the tests of the endpoints share: short ways to PATCH, and to look at errors and rows."""

from typing import Any

from scim.protocol.errors import ERROR_SCHEMA
from scim.storage.rows import Row, Rows
from tests.conftest import Answer

MISSING = "f" * 32
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}


def replace(path: str, value: Any) -> dict[str, Any]:
    return patch({"op": "replace", "path": path, "value": value})


async def everything(rows: Rows) -> list[Row]:
    return await rows.range("scim", "", "~", 10_000)


def assert_error(answer: Answer, status: int, scim_type: str | None = None, detail: str = "") -> None:
    """Check that an answer is an error in SCIM's form. RFC 7644 §3.12."""
    assert answer.status == status, answer.body
    assert answer.body["schemas"] == [ERROR_SCHEMA]
    assert answer.body["status"] == str(status)
    assert answer.body.get("scimType") == scim_type
    assert detail in answer.body["detail"]
