"""What the service says of itself: schemas, resource types and what it supports. RFC 7643 §5-§7, RFC 7644 §4."""

from collections.abc import Sequence
from typing import Any

from scim.protocol import sizes
from scim.protocol.query import DEFAULT_COUNT, MAX_COUNT
from scim.protocol.resource import Resource
from scim.protocol.schema import Schemas

MAX_OPERATIONS = 1000
"""Operations in one Bulk request."""


def schema_documents(schemas: Schemas, base_url: str) -> list[Resource]:
    """Return the schema documents, the very ones that requests are validated with."""
    return [
        {**schema.document, "meta": {"resourceType": "Schema", "location": f"{base_url}/Schemas/{schema.id}"}}
        for schema in schemas.all
    ]


def resource_type_documents(schemas: Schemas, base_url: str) -> list[Resource]:
    """Return the resource types."""
    return [
        {
            **each.document(),
            "meta": {"resourceType": "ResourceType", "location": f"{base_url}/ResourceTypes/{each.name}"},
        }
        for each in schemas.resource_types
    ]


def find(documents: Sequence[Resource], document_id: str) -> Resource | None:
    """Return the document with that id, whatever its case."""
    return next((each for each in documents if each["id"].lower() == document_id.lower()), None)


def service_provider_config(base_url: str, event_uris: Sequence[str] = ()) -> dict[str, Any]:
    """Return what the service supports and its limits. RFC 7643 §5, RFC 9865 §4, RFC 9967 §4.

    `event_uris` are the events that tokens are about; without any, nobody gets tokens.
    """
    events = {"securityEvents": {"asyncRequest": "none", "eventUris": list(event_uris)}} if event_uris else {}
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": True, "maxOperations": MAX_OPERATIONS, "maxPayloadSize": sizes.MANY.length},
        "filter": {"supported": True, "maxResults": MAX_COUNT},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": DEFAULT_COUNT,
            "maxPageSize": MAX_COUNT,
        },
        **events,
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Secret token",
                "description": "A secret token, sent as a bearer token in the Authorization header.",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
                "primary": True,
            },
            {
                "type": "oauth2",
                "name": "OAuth 2.0 client credentials",
                "description": "An access token from /oauth/token below this address, for a client id with a secret or"
                " with an assertion of Microsoft Entra.",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6749",
            },
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base_url}/ServiceProviderConfig"},
    }
