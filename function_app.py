"""The function app: one HTTP function for each SCIM route, a health check, a timer, and a queue of hints."""

import gc

# What imports make lives as long as the process: looking through it for garbage again and again makes a cold start
# longer by about 7 % (docs/benchmarks.md).
gc.disable()

import logging  # noqa: E402
from collections.abc import Awaitable, Callable  # noqa: E402

import azure.functions as func  # noqa: E402

from scim import app as scim_app  # noqa: E402
from scim.access.address import client_address  # noqa: E402
from scim.invocation import Invocations  # noqa: E402
from scim.service import routes  # noqa: E402
from scim.service.failures import Failures  # noqa: E402
from scim.service.messages import Request, Response  # noqa: E402
from scim.service.routes import Route  # noqa: E402
from scim.watchdog import Watchdog  # noqa: E402

invocations = Invocations()
logging.getLogger().addHandler(invocations)
watchdog = Watchdog()
service = scim_app.from_environ()
service.deliveries.after_answers = True
failures = Failures()
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

Parameters = dict[str, str]
Respond = Callable[[Request, Parameters], Awaitable[Response]]


def _request(request: func.HttpRequest, context: func.Context) -> Request:
    # The headers are a mapping with lower-case names already. Query parameters are read from the URL: in `params` the
    # host leaves out empty ones and joins repeated ones.
    return Request(
        request.method.upper(),
        request.url,
        request.headers,
        request.get_body(),
        context.invocation_id,
        client_address(request.headers.get("x-forwarded-for", ""), service.settings.trusted_proxies),
        failures,
    )


def _parameters(request: func.HttpRequest) -> Parameters:
    return {name: value for name, value in request.route_params.items() if value is not None}


def _response(response: Response) -> func.HttpResponse:
    return func.HttpResponse(
        response.content(),
        status_code=response.status,
        headers=response.sendable_headers(),
        mimetype=response.media_type,
    )


def _register(name: str, methods: tuple[str, ...], path: str, respond: Respond) -> None:
    """Make an HTTP function of what answers a request and the parameters of its path."""

    async def answer(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        with invocations.running(), watchdog.watching():
            return _response(await respond(_request(req, context), _parameters(req)))

    answer.__name__ = name
    app.route(route=path, methods=list(methods))(answer)


def _of_route(route: Route) -> Respond:
    async def respond(request: Request, parameters: Parameters) -> Response:
        response = await service.endpoints.respond(request, route, parameters)
        await service.timer.catch_up()
        return response

    return respond


for each in routes.ROUTES:
    _register(each.name, each.methods, f"{routes.TEMPLATE}/{each.path}".rstrip("/"), _of_route(each))
_register("IssueToken", ("POST",), routes.TOKEN, lambda req, given: service.oauth.token(req, given))
_register("DescribeOAuth", ("GET", "HEAD"), routes.METADATA, lambda req, given: service.oauth.metadata(req, given))
_register("Manage", routes.METHODS, routes.MANAGE, lambda req, _: service.management.respond(req))
_register("Console", ("GET", "HEAD"), "console", lambda req, _: service.console.respond(req))
_register(
    "ConsoleFiles",
    ("GET", "HEAD"),
    "console/{*path}",
    lambda req, given: service.console.respond(req, given.get("path", "")),
)
_register("Health", ("GET", "HEAD"), "health", lambda *_: service.health.response())
_register(routes.ANYWHERE, routes.METHODS, routes.CATCH_ALL, lambda req, _: service.endpoints.respond_anywhere(req))


@app.timer_trigger(schedule="0 */5 * * * *", arg_name="timer", run_on_startup=False)
async def Maintenance(timer: func.TimerRequest) -> None:  # noqa: N802, ARG001 - the name that the portal shows
    """Finish large deletes, let old rows go, deliver to webhooks, and drop deleted tenants, every five minutes."""
    with invocations.running(), watchdog.watching():
        done = await service.timer.run()
        if any(done.values()):
            logging.getLogger("scim.directory.maintenance").info("maintenance: %s", done)


if service.settings.hints:  # the trigger reads the same setting; without it the host would call the function in error

    @app.queue_trigger(arg_name="hint", queue_name="scim-hints", connection="SCIM_HINTS")
    async def Deliver(hint: func.QueueMessage) -> None:  # noqa: N802
        """Deliver to the webhooks of the tenant that a hint names, where the process that sent it did not get to it."""
        with invocations.running():
            await service.rounds.hinted(hint.get_body().decode(errors="replace"))


gc.freeze()
gc.enable()
