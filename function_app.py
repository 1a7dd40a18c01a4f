"""The function app: one HTTP function for each SCIM route, a health check, and a timer for maintenance."""

import gc

# What imports make lives as long as the process: looking through it for garbage again and again makes a cold start
# longer by about 7 % (docs/benchmarks.md).
gc.disable()

import logging  # noqa: E402
from collections.abc import Awaitable, Callable  # noqa: E402

import azure.functions as func  # noqa: E402

from scim import app as scim_app  # noqa: E402
from scim.service import routes  # noqa: E402
from scim.service.messages import MEDIA_TYPE, Request, Response  # noqa: E402
from scim.service.routes import Route  # noqa: E402

service = scim_app.from_environ()
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

Handler = Callable[[func.HttpRequest, func.Context], Awaitable[func.HttpResponse]]


def _request(request: func.HttpRequest, context: func.Context) -> Request:
    # The headers are a mapping with lower-case names already.
    return Request(request.method.upper(), request.url, request.headers, request.get_body(), context.invocation_id)


def _response(response: Response, media_type: str = MEDIA_TYPE) -> func.HttpResponse:
    return func.HttpResponse(
        response.content(), status_code=response.status, headers=dict(response.headers), mimetype=media_type
    )


def _register(name: str, methods: tuple[str, ...], path: str, handler: Handler) -> None:
    handler.__name__ = name
    app.route(route=path, methods=list(methods))(handler)


def _function(route: Route) -> Handler:
    async def answer(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        parameters = {name: value for name, value in req.route_params.items() if value is not None}
        return _response(await service.endpoints.respond(_request(req, context), route, parameters))

    return answer


async def _anywhere(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return _response(await service.endpoints.respond_anywhere(_request(req, context)))


async def _health(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:  # noqa: ARG001
    return _response(await service.endpoints.health(), "application/json")


for each in routes.ROUTES:
    _register(each.name, each.methods, f"{routes.PREFIX}/{each.path}".rstrip("/"), _function(each))
_register("Health", ("GET", "HEAD"), "health", _health)
_register(routes.ANYWHERE, routes.METHODS, routes.CATCH_ALL, _anywhere)


@app.timer_trigger(schedule="0 */5 * * * *", arg_name="timer", run_on_startup=False)
async def Maintenance(timer: func.TimerRequest) -> None:  # noqa: N802, ARG001 - the name that the portal shows
    """Finish large deletes and let old change rows go, every five minutes."""
    done = await service.maintenance.run()
    if any(done.values()):
        logging.getLogger("scim.directory.maintenance").info("maintenance: %s", done)


gc.freeze()
gc.enable()
