"""What azd runs after a deployment: say what comes next, and play Entra's Test Connection from here.

Reads the outputs of the deployment from the environment, as azd hands them to a hook; their case may differ. The token
is read with the Azure CLI where there is one, is never printed, and never stays anywhere. Needs nothing but Python.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping

WAIT_SECONDS = 600
"""Roles take minutes to spread, and a new app answers 404 or 503 for a minute."""
PAUSE_SECONDS = 15
NOT_YET = (401, 403, 404, 500, 502, 503)


def outputs(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with every name in upper case."""
    return {name.upper(): value for name, value in environment.items()}


def next_steps(found: Mapping[str, str]) -> str:
    """Return what the administrator needs for Entra."""
    return (
        f"\n  Tenant URL    {found['TENANT_URL']}"
        f"\n  Secret token  {found['GET_TOKEN_COMMAND']}"
        f"\n                or in the portal: {found['TOKEN_PAGE']}"
        f"\n  Health        {found['HEALTH_URL']}\n\n"
    )


def read_token(found: Mapping[str, str]) -> str | None:
    """Return the token from the vault, None where the Azure CLI is missing or may not read it (yet)."""
    az = shutil.which("az")
    if az is None:
        return None
    command = [az, *found["GET_TOKEN_COMMAND"].split()[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or None if done.returncode == 0 else None


def connect(tenant_url: str, token: str) -> int:
    """Send what Test Connection sends, a search for a user whom nobody has; return the status, 0 without an answer.

    https://learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups
    """
    query = urllib.parse.urlencode({"filter": f'userName eq "{uuid.uuid4()}"'}, quote_via=urllib.parse.quote)
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/scim+json"}
    request = urllib.request.Request(f"{tenant_url}/Users?{query}", headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            body = json.load(answer)
            return answer.status if body.get("totalResults") == 0 else 500
    except urllib.error.HTTPError as refused:
        return refused.code
    except (OSError, ValueError):
        return 0


def test_connection(
    found: Mapping[str, str],
    token: Callable[[Mapping[str, str]], str | None] = read_token,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Ask until the endpoint answers as Entra wants it, for ten minutes at most; return "" then, else what is wrong."""
    deadline, secret, status = now() + WAIT_SECONDS, None, 0
    while True:
        secret = secret or token(found)
        status = connect(found["TENANT_URL"], secret) if secret else status
        if status == 200:
            return ""
        if now() >= deadline or (status and status not in NOT_YET):
            break
        sleep(PAUSE_SECONDS)
    if secret is None:
        return f"the token cannot be read: run {found['GET_TOKEN_COMMAND']}, and see what it says"
    return f"{found['TENANT_URL']} answers {status or 'nothing'}: docs/deploy.md, When a deployment fails, says why"


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Print what comes next and test the connection; return the exit code."""
    found = outputs(environment)
    missing = [name for name in ("TENANT_URL", "GET_TOKEN_COMMAND", "TOKEN_PAGE", "HEALTH_URL") if name not in found]
    if missing:
        sys.stderr.write(f"azd knows no {', '.join(missing)}: run azd provision first\n")
        return 1
    sys.stdout.write(next_steps(found))
    if found.get("DEPLOY_RESTRICT_TO_ENTRA") == "true" or found.get("DEPLOY_ALLOWED_IP_CIDRS"):
        sys.stdout.write("Test Connection: not from here, the endpoint serves Entra and named ranges only\n")
        return 0
    if shutil.which("az") is None:
        sys.stdout.write("Test Connection: the Azure CLI, which reads the token, is not here; do it in Entra\n")
        return 0
    wrong = test_connection(found)
    sys.stdout.write(f"Test Connection: {wrong or 'the endpoint answers as Entra expects'}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
