"""A function app of your own that forwards events of the SCIM endpoint: to Service Bus, or to Event Grid.

Keep the function that you need, and give its address to `python -m scim webhook create`. Settings: `WEBHOOK_SECRETS`,
the `whsec_` secret (two, separated by a blank, while it is rotated); for Service Bus `Bus`, a connection; for Event
Grid `TopicUri` and `TopicKey`.

The host sends what an output binding holds before it answers. When that fails the answer is a 500, and the endpoint
sends the event again: so nothing is lost, and some come twice.
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import time

import azure.functions as func

MAX_AGE = 300
"""Seconds for which a request is good; later it is somebody else's copy of it."""

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="to-service-bus", methods=["POST"])
@app.service_bus_queue_output(arg_name="message", connection="Bus", queue_name="scim-events")
def to_service_bus(req: func.HttpRequest, message: func.Out[str]) -> func.HttpResponse:
    if not signed(req):
        return func.HttpResponse(status_code=401)
    message.set(req.get_body().decode())  # readers leave out a `sequence` that is not above the last one
    return func.HttpResponse(status_code=204)


@app.route(route="to-event-grid", methods=["POST"])
@app.event_grid_output(arg_name="event", topic_endpoint_uri="TopicUri", topic_key_setting="TopicKey")
def to_event_grid(req: func.HttpRequest, event: func.Out[func.EventGridOutputEvent]) -> func.HttpResponse:
    if not signed(req):
        return func.HttpResponse(status_code=401)
    said = json.loads(req.get_body())
    when = datetime.datetime.fromisoformat(said["timestamp"])
    subject = f"{said['type'].partition('.')[0]}s/{said['data'].get('id', '')}"
    event.set(
        func.EventGridOutputEvent(
            id=said["id"],
            subject=subject,
            event_type=f"scim.{said['type']}",
            event_time=when,
            data=said,
            data_version="1",
        )
    )
    return func.HttpResponse(status_code=204)


def signed(req):
    """Return whether one of our secrets signed this body a moment ago. Standard Webhooks 1.0."""
    stamp = req.headers.get("webhook-timestamp", "")
    if not stamp.isdecimal() or abs(time.time() - int(stamp)) > MAX_AGE:
        return False
    content = f"{req.headers.get('webhook-id', '')}.{stamp}.".encode() + req.get_body()
    sent = [each.encode() for each in req.headers.get("webhook-signature", "").split()]
    for secret in os.environ["WEBHOOK_SECRETS"].split():
        key = base64.b64decode(secret.removeprefix("whsec_"))
        made = b"v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256))
        if any(hmac.compare_digest(made, each) for each in sent):
            return True
    return False
