"""The addresses of tenants, for all that answers name."""

from scim.access.tenants import DEFAULT_KEY
from scim.service import routes
from scim.service.messages import Request


class Addresses:
    """Tenant URLs: those that requests show, or those that follow from the address that a setting gives."""

    def __init__(self, default: str = "") -> None:
        """`default` is the default tenant's Tenant URL where it is not the one that requests show."""
        self._default = default.rstrip("/")

    def tenant(self, request: Request, key: str) -> str:
        """Return the Tenant URL of the tenant."""
        return tenant_url(self._default or f"{request.origin}/{routes.PREFIX}", key)


def tenant_url(default: str, key: str) -> str:
    """Return the Tenant URL of a tenant, from that of the default one."""
    if key == DEFAULT_KEY:
        return default
    ending = f"/{DEFAULT_KEY}/v2"
    root = default.removesuffix(ending) if default.endswith(ending) else "/".join(default.split("/")[:3])
    return f"{root}/{key}/v2"


def metadata_url(url: str) -> str:
    """Return where the metadata of the protected resource at a Tenant URL are. RFC 9728 §3.1."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return f"{scheme}://{host}/.well-known/oauth-protected-resource/{path}"
