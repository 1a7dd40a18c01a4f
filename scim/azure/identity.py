"""The identity with which the service talks to Azure; azure.identity is slow to import and only needed here."""

import logging

from azure.core.credentials_async import AsyncTokenCredential


def identity(client_id: str = "") -> AsyncTokenCredential:
    """Return the managed identity with that client id, or without one whatever the environment offers.

    The latter is for a developer's machine: `az login`, or the variables that azure.identity documents.
    """
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    quiet = logging.DEBUG  # at INFO, each token request would be a page of headers in the log
    if client_id:
        return ManagedIdentityCredential(client_id=client_id, http_logging_level=quiet)
    return DefaultAzureCredential(http_logging_level=quiet)
