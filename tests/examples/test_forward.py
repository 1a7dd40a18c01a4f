"""The sample that forwards: a delivery of the service, taken by its functions, checked, and handed to the binding."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import azure.functions as func
import pytest

from scim.app import App
from tests.conftest import Clock, Http
from tests.webhooks.conftest import app, receiver
from tests.webhooks.receiver import Received, Receiver

__all__ = ["app", "receiver"]

SAMPLE = Path(__file__).parents[2] / "examples" / "forward" / "function_app.py"
FUNCTIONS = ["to_service_bus", "to_event_grid"]


class Out:
    """What a function gives to its output binding."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def set(self, value: Any) -> None:
        self.given.append(value)


@pytest.fixture
async def delivered(app: App, http: Http, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Received:
    """A request as the service sends it, to a webhook whose secret the sample has, beside an older one."""
    made = await (await app.webhooks()).create(receiver.url)
    monkeypatch.setenv("WEBHOOK_SECRETS", f"whsec_{'b2xk' * 8} {made['secret']}")
    await http.user("mira")
    delivery = await app.deliveries.of(app.tenants.default)
    assert delivery
    assert await delivery.run(100.0) == 1
    return receiver.received[0]


@pytest.fixture
def sample(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function app of the sample, at the time of the service."""
    spec = importlib.util.spec_from_file_location("forward_function_app", SAMPLE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.time, "time", lambda: clock().timestamp())
    return module


def call(sample: ModuleType, name: str, headers: dict[str, str], body: bytes) -> tuple[int, list[Any]]:
    """Call a function as the worker does; return its status, and what it gave to the binding."""
    functions = {each.get_function_name(): each.get_user_function() for each in sample.app.get_functions()}
    out = Out()
    request = func.HttpRequest(method="POST", url="https://app.contoso.example/x", headers=headers, body=body)
    return functions[name](request, out).status_code, out.given


async def test_an_event_goes_to_the_queue_as_it_came(sample: ModuleType, delivered: Received) -> None:
    """With its id and sequence, by which readers leave out what came twice."""
    status, given = call(sample, "to_service_bus", dict(delivered.headers), delivered.body)
    assert (status, [json.loads(each) for each in given]) == (204, [delivered.event])


async def test_an_event_is_one_of_event_grid_s(sample: ModuleType, delivered: Received) -> None:
    """Its id, type, subject and time are where subscriptions look for them."""
    status, (event,) = call(sample, "to_event_grid", dict(delivered.headers), delivered.body)
    user = delivered.event["data"]["id"]
    assert (status, event.id, event.event_type, event.subject) == (
        204,
        delivered.event["id"],
        "scim.user.created",
        f"users/{user}",
    )
    assert event.get_json() == delivered.event
    assert event.event_time.tzinfo is not None


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("changed", "body"),
    [
        ({}, b'{"type": "user.deleted"}'),
        ({"webhook-id": "another"}, None),
        ({"webhook-timestamp": "1"}, None),
        ({"webhook-timestamp": "soon"}, None),
        ({"webhook-signature": ""}, None),
        ({"webhook-signature": "v1,AAAA v1,\u00fc"}, None),
    ],
)
async def test_what_the_endpoint_has_not_signed_is_refused(
    sample: ModuleType, delivered: Received, name: str, changed: dict[str, str], body: bytes | None
) -> None:
    """Whoever knows the address could make users come and go otherwise."""
    headers = dict(delivered.headers) | changed
    assert call(sample, name, headers, delivered.body if body is None else body) == (401, [])


async def test_an_old_request_is_refused(sample: ModuleType, delivered: Received, clock: Clock) -> None:
    """It may be somebody's copy."""
    clock.forward(minutes=6)
    assert call(sample, "to_service_bus", dict(delivered.headers), delivered.body) == (401, [])


def test_each_function_has_its_binding(sample: ModuleType) -> None:
    """By the names of settings and queue that the page gives."""
    bindings = {
        each.get_function_name(): [
            binding
            for binding in json.loads(each.get_function_json())["bindings"]
            if binding["type"] in ("serviceBus", "eventGrid")
        ]
        for each in sample.app.get_functions()
    }
    (bus,), (grid,) = bindings["to_service_bus"], bindings["to_event_grid"]
    assert (bus["connection"], bus["queueName"]) == ("Bus", "scim-events")
    assert (grid["topicEndpointUri"], grid["topicKeySetting"]) == ("TopicUri", "TopicKey")
