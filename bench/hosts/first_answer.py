"""One cold start in this process: `bench.cold_start` runs it and measures.

    python bench/first_answer.py APP FUNCTION URL [TOKEN]

The function app in the folder APP is indexed by the real worker, FUNCTION is loaded and asked for URL; then the status
and the processor time of the process so far are printed. As in Azure the dependencies come from the package.
"""

import asyncio
import functools
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> None:
    """Answer one request and print what it took as JSON."""
    app, function, url, *token = sys.argv[1:]
    sys.path[:0] = [str(Path(app) / ".python_packages/lib/site-packages"), str(ROOT)]
    from tests.worker import HttpRequest, Worker

    if os.environ.get("SCIM_KEY_VAULT", "").startswith("https://127.0.0.1"):
        _trust_the_stand_in(app)
    headers = {"Authorization": f"Bearer {token[0]}"} if token else {}

    async def first_answer() -> int:
        worker = Worker()
        await worker.index(Path(app))
        await worker.load(function)
        return (await worker.invoke(function, HttpRequest("GET", url, headers))).status

    status = asyncio.run(first_answer())
    sys.stdout.write(json.dumps({"status": status, "cpu": time.process_time()}) + "\n")
    sys.stdout.flush()
    os._exit(0)  # what the app would close is no part of a start


def _trust_the_stand_in(app: str) -> None:
    """Let the real client take a vault that is not below vault.azure.net; its certificate is in SSL_CERT_FILE."""
    if not (Path(app) / "scim").is_dir():
        return
    sys.path.insert(0, app)
    from scim.azure import vault_client

    names = vars(vault_client)
    names["SecretClient"] = functools.partial(names["SecretClient"], verify_challenge_resource=False)


if __name__ == "__main__":
    main()
