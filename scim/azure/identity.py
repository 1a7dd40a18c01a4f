"""The identity under which the app calls Azure."""

import logging

from azure.core.credentials_async import AsyncTokenCredential


def identity(client_id: str | None) -> AsyncTokenCredential:
    """Return the managed identity with this client id, or what the environment offers where none is named.

    The second is for a developer's machine, after `az login`. The SDK is imported here, since it costs a third of
    a second that only an app with an identity needs to spend. The caller closes the credential.
    """
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    if client_id:
        return ManagedIdentityCredential(client_id=client_id, http_logging_level=logging.DEBUG)
    return DefaultAzureCredential(http_logging_level=logging.DEBUG)
