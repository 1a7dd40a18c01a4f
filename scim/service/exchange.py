"""One captured exchange: a request and its answer as they are kept, masked unless values are asked for."""

import json
from typing import Any

from scim.directory.capture import Capture
from scim.protocol.resource import to_json
from scim.service.masking import HIDDEN, Masking, sendable
from scim.service.messages import Request, Response

MAX_BODY = 1024 * 1024
"""Bytes of a body that are kept; one that is longer is cut, and cannot be replayed."""
_UNKNOWN = "utf-8", "backslashreplace"


def exchange(capture: Capture, request: Request, response: Response) -> tuple[dict[str, Any], str]:
    """Return the head of an exchange, and the whole as text, masked unless the capture asks for values."""
    masking = Masking(capture.salt) if capture.values != "plain" else None
    path, query = request.path, request.url.partition("#")[0].partition("?")[2]
    prefix, below = _divided(path)
    asked = masking.target(below, query) if masking else below + (f"?{query}" if query else "")
    sent, sent_cut = _body(request.body, masking)
    answered, answered_cut = _body(response.content(), masking)
    headers = response.sendable_headers() | {"Content-Type": response.media_type}
    whole = {
        "request": {"headers": _headers(dict(request.headers), masking), "body": sent},
        "answer": {"headers": _headers(headers, masking), "body": answered},
    }
    entry = request.entries[-1] if request.entries else None
    head = {
        "method": request.method,
        "target": asked[:4_000],
        "base": prefix,
        "status": response.status,
        "requestId": request.request_id,
        "credential": request.credential,
        "function": entry.function if entry else "",
        "milliseconds": entry.ms if entry else 0,
        "bytesSent": len(request.body),
        "bytesAnswered": len(response.content()),
        "replayable": not (sent_cut or answered_cut or len(asked) > 4_000),
    }
    return head, json.dumps(whole, ensure_ascii=False)


def _divided(path: str) -> tuple[str, str]:
    """Return the path of the Tenant URL, and what is below it."""
    segments = path.split("/")
    places = [number for number, each in enumerate(segments) if each.lower() == "v2"]
    last = places[0] + 1 if places else 1
    return "/".join(segments[:last]), "/" + "/".join(segments[last:])


def _body(content: bytes, masking: Masking | None) -> tuple[str, bool]:
    """Return a body as text, and whether it was cut."""
    cut = len(content) > MAX_BODY
    if masking is None:
        return content[:MAX_BODY].decode(*_UNKNOWN), cut
    if not content:
        return "", False
    if cut:
        return HIDDEN, True
    try:
        return to_json(masking.value(json.loads(content))), False
    except (ValueError, RecursionError):  # no JSON, so that nobody knows what in it is a value
        return HIDDEN, True


def _headers(headers: dict[str, str], masking: Masking | None) -> dict[str, str]:
    return masking.headers(headers) if masking else sendable(headers)
