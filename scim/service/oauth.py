"""The token endpoint of each tenant, and the documents that lead to it. RFC 6749, RFC 7523, RFC 8414, RFC 9728."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

from scim.access.clients import Clients, InvalidClient
from scim.access.credential import Credential
from scim.access.limits import Allowance, Limits
from scim.access.tenants import DEFAULT_KEY, as_key
from scim.protocol.errors import ScimError
from scim.service.addresses import Addresses
from scim.service.answers import answered
from scim.service.journals import Journals
from scim.service.messages import JSON, Request, Response

MAX_BODY = 64 * 1024
MAX_PARAMETERS = 50
MINTING = Allowance(1, 120, chosen=True)
"""How many tokens one client may ask for: one a second in the long run, and 120 at once after a pause."""
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPES = ("provision", "read", "events", "scim")

Parameters = Mapping[str, str]


class OAuthError(ScimError):
    """A request for a token that is refused, in the form of RFC 6749 §5.2."""

    def __init__(self, code: str, detail: str, status: int = 400, challenge: bool = False) -> None:
        super().__init__(detail)
        self.code, self.status, self.challenge = code, status, challenge  # type: ignore[misc]

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'Basic realm="scim"'} if self.challenge else {}


class OAuth:
    """Answers requests for tokens, whatever happens, and for metadata."""

    def __init__(self, clients: Clients, addresses: Addresses, limits: Limits, journals: Journals) -> None:
        self._clients, self._addresses, self._limits, self._journals = clients, addresses, limits, journals

    async def token(self, request: Request, parameters: Parameters) -> Response:
        """POST of a token request; grant_type is client_credentials."""
        segment = parameters.get("tenant", DEFAULT_KEY)
        request.tenant = as_key(segment) or "-"

        async def operation() -> Response:
            try:
                return await self._issued(request, segment)
            finally:
                request.known = self._clients.known(segment)

        answer = answered(request, "IssueToken", {}, operation, failed)
        return await self._journals.around(request, answer)

    async def metadata(self, request: Request, parameters: Parameters) -> Response:
        """GET of a document about a tenant's address, made of that alone: each well-formed key has one."""
        segment, kind = parameters.get("tenant", ""), parameters.get("document", "").lower()
        request.tenant = as_key(segment) or "-"
        make = {"oauth-authorization-server": server, "oauth-protected-resource": resource}.get(kind)

        async def answer() -> Response:
            if make is None or request.tenant == "-":
                raise OAuthError("invalid_request", "There is no such document.", 404)
            url = self._addresses.tenant(request, request.tenant)
            return Response(200, make(url), {"Cache-Control": "max-age=3600"}, JSON)

        return await answered(request, "DescribeOAuth", {}, answer, failed)

    async def _issued(self, request: Request, segment: str) -> Response:
        form = _form(request)
        if form.get("grant_type") != "client_credentials":
            code = "unsupported_grant_type" if form.get("grant_type") else "invalid_request"
            raise OAuthError(code, "grant_type must be client_credentials.")
        basic = _basic(request.headers.get("authorization"))
        try:
            client = await self._client(request, segment, form, basic)
        except InvalidClient:
            raise OAuthError("invalid_client", _REFUSED, 401, bool(basic)) from None
        request.credential = client.id
        with self._limits.under_way(f"{client.id} tokens", MINTING, company=False):
            token = await self._clients.issue(client, form.get("scope", "").split())
        told = {"access_token": token.text, "token_type": "Bearer", "expires_in": token.seconds, "scope": token.scope}
        return Response(200, told, NO_STORE, JSON)

    async def _client(
        self, request: Request, segment: str, form: Parameters, basic: list[tuple[str, str]]
    ) -> Credential:
        assertion, secret, client_id = form.get("client_assertion"), form.get("client_secret"), form.get("client_id")
        if assertion is not None:
            if secret is not None or basic:
                raise OAuthError("invalid_request", "Send a client_secret or a client_assertion, not both.")
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                raise OAuthError("invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}.")
            if not client_id:
                raise OAuthError("invalid_request", "client_id is missing.")
            return await self._clients.by_assertion(segment, client_id, assertion, request.address)
        if basic and secret is not None:
            same = [pair for pair in basic if pair == (pair[0] if client_id is None else client_id, secret)]
            if not same:
                raise OAuthError("invalid_request", "The header and the body name two clients or two secrets.")
            return await self._clients.by_secret(segment, same, request.address)
        if basic:
            if client_id is not None and client_id not in {pair[0] for pair in basic}:
                raise OAuthError("invalid_request", "The header and the body name two clients.")
            return await self._clients.by_secret(segment, basic, request.address)
        if not client_id or secret is None:
            raise OAuthError("invalid_client", _REFUSED, 401)
        return await self._clients.by_secret(segment, [(client_id, secret)], request.address)


_REFUSED = "The client is not known here, or its secret or assertion is not valid."


def failed(error: ScimError) -> Response:
    """Return an error in the form of RFC 6749 §5.2."""
    if isinstance(error, OAuthError):
        code = error.code
    else:
        code = {503: "temporarily_unavailable", 429: "temporarily_unavailable", 500: "server_error"}.get(
            error.status, "invalid_request"
        )
    return Response(
        error.status, {"error": code, "error_description": error.detail}, {**error.headers, **NO_STORE}, JSON
    )


def _form(request: Request) -> dict[str, str]:
    """Return the parameters of the body, unknown ones among them. RFC 6749 §3.2.

    Raises OAuthError on a body that is none, is too large, or gives a parameter twice.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ("", "application/x-www-form-urlencoded"):
        raise OAuthError("invalid_request", "The body must be application/x-www-form-urlencoded.")
    if len(request.body) > MAX_BODY:
        raise OAuthError("invalid_request", f"The body has more than {MAX_BODY:,} bytes.", 413)
    try:
        pairs = parse_qsl(
            request.body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except ValueError:
        raise OAuthError("invalid_request", "The body cannot be read as a form.") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise OAuthError("invalid_request", "A parameter is given twice.")
    return dict(pairs)


def _basic(authorization: str | None) -> list[tuple[str, str]]:
    """Return the pairs of id and secret that a Basic header may mean: form-decoded, and as they are. RFC 6749 §2.3.1.

    Empty without such a header. Raises OAuthError when it cannot be read.
    """
    scheme, _, coded = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return []
    try:
        name, colon, secret = base64.b64decode(coded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        name, colon, secret = "", "", ""
    if not colon:
        raise OAuthError("invalid_client", _REFUSED, 401, challenge=True)
    pairs = [(unquote_plus(name), unquote_plus(secret)), (name, secret)]
    return pairs if pairs[0] != pairs[1] else pairs[:1]


def server(url: str) -> dict[str, object]:
    """Return the metadata of the authorization server at a Tenant URL. RFC 8414 §2.

    `private_key_jwt` deviates: the assertion is Entra's, whose subject and issuer are its own and not the client's id.
    """
    return {
        "issuer": url,
        "token_endpoint": f"{url}/oauth/token",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": list(SCOPES),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
    }


def resource(url: str) -> dict[str, object]:
    """Return the metadata of the protected resource at a Tenant URL. RFC 9728 §2."""
    return {
        "resource": url,
        "authorization_servers": [url],
        "bearer_methods_supported": ["header"],
        "scopes_supported": list(SCOPES),
    }
