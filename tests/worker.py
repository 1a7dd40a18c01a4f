"""The real language worker of Azure Functions as a library: it finds, loads and calls the functions of an app.

`azure_functions_runtime` is the code that runs a function app in Azure; it exists for Python 3.13 only. The host speaks
to it in protobuf messages, whose classes it takes from whoever starts it: the plain classes below have what it reads.
What the host itself does, such as finding the function for a path, is in tests/functions_host.py.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import azure_functions_runtime as runtime


class Message:
    """A message with the fields that it was made with."""

    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 - the name in protobuf
        """Return the field that is set; the messages that are asked have one at most."""
        return next(iter(vars(self)), None)


class ParameterBinding(Message):
    """A named argument, or a named result."""

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802
        return "data"


class BindingInfo(Message):
    """What a function is bound to; the numbers are those of the host's protocol."""

    inout, out, undefined = 2, 1, 0


class StatusResult(Message):
    """Whether the worker did what it was asked."""

    Failure, Success = 0, 1


class Messages:
    """The message classes by the names under which the worker asks for them."""

    ParameterBinding = ParameterBinding
    BindingInfo = BindingInfo
    StatusResult = StatusResult

    def __getattr__(self, name: str) -> type[Message]:
        return Message


@dataclass(frozen=True)
class HttpRequest:
    """A request as the host hands it on, route parameters already found."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    route_params: dict[str, str] = field(default_factory=dict)

    def message(self) -> Message:
        """Return the message; equal query parameters are joined by commas, whatever their case, empty ones are lost.

        Seen under host 4.1037: of `a=1&a=2&A=3` there is `a: "1,2,3"`, of `b=` and `c` nothing.
        """
        query: dict[str, str] = {}
        for name, value in parse_qsl(urlsplit(self.url).query):
            known = next((each for each in query if each.lower() == name.lower()), name)
            query[known] = f"{query[known]},{value}" if known in query else value
        http = Message(
            method=self.method,
            url=self.url,
            headers=self.headers,
            params=self.route_params,
            query=query,
            body=Message(bytes=self.body) if self.body else Message(),
        )
        return Message(http=http)


@dataclass(frozen=True)
class HttpResponse:
    """What a function answered; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class WorkerError(Exception):
    """The worker failed; the text is what it tells the host, with the stack."""


class Worker:
    """One worker with one function app. The worker keeps its functions in module globals: use one at a time."""

    def __init__(self) -> None:
        self._functions: dict[str, Any] = {}

    async def index(self, app: Path) -> list[str]:
        """Import function_app.py from the folder and return the names of its functions, in the order of the app.

        The folder is put in front of `sys.path`, as the host does; a function_app imported before is forgotten.
        """
        sys.modules.pop("function_app", None)
        sys.path.insert(0, str(app))
        start = Message(capabilities={}, function_app_directory=str(app))
        started = await runtime.worker_init_request(_request(worker_init_request=start))
        _raise_failure(started)
        found = await runtime.functions_metadata_request(_request(functions_metadata_request=Message()))
        _raise_failure(found)
        self._functions = {each.name: each for each in found.function_metadata_results or ()}
        return self.names

    @property
    def names(self) -> list[str]:
        """The functions that were found."""
        return list(self._functions)

    async def load(self, name: str) -> None:
        """Load one function, as the host asks for each before the first call."""
        asked = Message(function_id=self._functions[name].function_id)
        _raise_failure(await runtime.function_load_request(_request(function_load_request=asked)))

    async def invoke(self, name: str, request: HttpRequest, invocation_id: str = "") -> HttpResponse:
        """Call an HTTP function. A text that it returns is an answer without headers."""
        returned = (await self._call(name, "httpTrigger", request.message(), invocation_id)).return_value
        if returned.WhichOneof("data") == "string":
            return HttpResponse(200, {}, returned.string.encode())
        answer = returned.http
        headers = {key.lower(): value for key, value in answer.headers.items()}
        return HttpResponse(int(answer.status_code), headers, answer.body.bytes)

    async def tick(self, name: str, invocation_id: str = "") -> None:
        """Call a timer function, as the host does when its time has come."""
        await self._call(name, "timerTrigger", Message(json='{"IsPastDue": false}'), invocation_id)

    async def read(self, name: str, text: str, invocation_id: str = "") -> None:
        """Call a function with a queue message, as the host does when it has read one."""
        metadata = {"Id": "1", "DequeueCount": "1", "PopReceipt": "r"}
        about = {key: Message(string=value) for key, value in metadata.items()}
        await self._call(name, "queueTrigger", Message(string=text), invocation_id, about)

    def trigger(self, name: str) -> dict[str, Any]:
        """Return a function's trigger as it tells the host: its `type`, such as httpTrigger, and what belongs to it."""
        bindings = [json.loads(each) for each in self._functions[name].raw_bindings]
        return next(each for each in bindings if "Trigger" in each["type"])

    async def _call(
        self, name: str, trigger: str, data: Message, invocation_id: str, metadata: dict[str, Message] | None = None
    ) -> Any:
        function = self._functions[name]
        argument = next(key for key, binding in function.bindings.items() if binding.type == trigger)
        call = Message(
            invocation_id=invocation_id or str(uuid4()),
            function_id=function.function_id,
            input_data=[ParameterBinding(name=argument, data=data)],
            trigger_metadata=metadata or {},
            trace_context=Message(trace_parent="", trace_state="", attributes={}),
            retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
        )
        answer = await runtime.invocation_request(_request(invocation_request=call))
        _raise_failure(answer)
        return answer


def _request(**kind: Message) -> Message:
    return Message(request=Message(**kind), properties={"host": "127.0.0.1", "protos": Messages()})


def _raise_failure(answer: Any) -> None:
    if answer.result.status != StatusResult.Success:
        raise WorkerError(f"{answer.result.exception.message}\n{answer.result.exception.stack_trace}")
