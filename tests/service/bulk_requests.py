"""Short ways to send bulk requests, and to read what their operations answered."""

from typing import Any

from scim.service.bulk import BULK_RESPONSE
from tests.conftest import BASE_URL, Http
from tests.samples import ENTERPRISE

MISSING = "f" * 32
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


def post(bulk_id: str | None, path: str = "/Users", **data: Any) -> dict[str, Any]:
    """Return an operation that creates a resource, by default a user named after its bulkId."""
    data = data or {"userName": f"{bulk_id}@contoso.example"}
    return {"method": "POST", "path": path, "bulkId": bulk_id, "data": data}


def reporting_to(bulk_id: str, manager: str) -> dict[str, Any]:
    """Return an operation that creates a user whose manager is another operation's user."""
    operation = post(bulk_id)
    operation["data"][ENTERPRISE] = {"manager": {"value": f"bulkId:{manager}"}, "department": "Sea"}
    return operation


def patch(path: str, *operations: dict[str, Any]) -> dict[str, Any]:
    """Return an operation that changes a resource."""
    return {"method": "PATCH", "path": path, "data": {"Operations": list(operations)}}


async def bulk(http: Http, *operations: dict[str, Any], **further: Any) -> list[dict[str, Any]]:
    answer = await http.request("POST", "/Bulk", {"Operations": list(operations)} | further)
    assert answer.status == 200, answer.body
    assert answer.body["schemas"] == [BULK_RESPONSE]
    results: list[dict[str, Any]] = answer.body["Operations"]
    return results


def statuses(results: list[dict[str, Any]]) -> list[str]:
    return [each["status"] for each in results]


async def read(http: Http, result: dict[str, Any]) -> Any:
    answer = await http.request("GET", result["location"].removeprefix(BASE_URL))
    assert answer.status == 200
    return answer.body
