"""`make example`: serves examples/application.py for the endpoint of `make run`, with a credential of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(".local")
KEPT = FOLDER / "example.json"
TOKEN = FOLDER / "example-token"


def credential(*arguments: str) -> dict[str, object]:
    """Return what `python -m scim credential` prints, for the store of `make run`."""
    environ = os.environ | {"SCIM_STORAGE": os.environ.get("SCIM_STORAGE") or f"sqlite:{FOLDER / 'scim.db'}"}
    command = [sys.executable, "-m", "scim", "credential", *arguments, "--tenant", "scim", "--json"]
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit("make example: start `make run` in another terminal first")
    told: dict[str, object] = json.loads(done.stdout)
    return told


def made() -> None:
    """Write the token of a credential that is there: the one of last time, unless the store is another one now."""
    listed = credential("list")["credentials"]
    known = json.loads(KEPT.read_text(encoding="utf-8"))["id"] if KEPT.exists() and TOKEN.exists() else ""
    if isinstance(listed, list) and any(each["id"] == known and each["status"] == "active" for each in listed):
        return
    new = credential("create", "--scope", "read", "--name", "make example")
    TOKEN.touch(mode=0o600)
    TOKEN.write_text(str(new.pop("secretToken")), encoding="utf-8")
    KEPT.write_text(json.dumps(new), encoding="utf-8")


def main(port: str, own: str) -> None:
    """Make the credential, and become the application."""
    made()
    url = f"http://127.0.0.1:{port}/scim/v2"
    command = [sys.executable, "examples/application.py", url, str(TOKEN), own, str(FOLDER / "example-copy.json")]
    os.execv(sys.executable, command)  # noqa: S606 - it is this Python


if __name__ == "__main__":
    main(*sys.argv[1:])
