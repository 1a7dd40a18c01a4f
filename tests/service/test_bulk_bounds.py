"""The operations of a Bulk request have a bound together."""

import pytest

from scim.service import bulk
from tests.conftest import Http


async def test_operations_beyond_the_traffic_are_refused_each_by_itself(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand changes of one large user would take half a minute; those before stand, the others say what to do."""
    monkeypatch.setattr(bulk, "MAX_TRAFFIC", 5_000)
    user = await http.user("mira", title="x" * 1_000)
    change = {"Operations": [{"op": "replace", "path": "nickName", "value": "n"}]}
    operations = [{"method": "PATCH", "path": f"/Users/{user['id']}", "data": change}]
    for number in range(9):
        made = {"userName": f"u{number}", "title": "y" * 1_000}
        operations.append({"method": "POST", "path": "/Users", "bulkId": f"b{number}", "data": made})
    answer = await http.request("POST", "/Bulk", {"Operations": operations})
    statuses = [each["status"] for each in answer.body["Operations"]]
    assert statuses[0] == "200"
    assert "413" in statuses
    assert statuses == sorted(statuses, key=["200", "201", "413"].index)
    assert "another request" in answer.body["Operations"][-1]["response"]["detail"]
    assert (await http.request("GET", "/Users")).body["totalResults"] == 1 + statuses.count("201")
