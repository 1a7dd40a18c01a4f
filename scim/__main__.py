"""The command line: `python -m scim COMMAND`."""

import importlib
import io
import os
import signal
import sys
from typing import NoReturn

COMMANDS = {
    "serve": ("scim.local", "serve the endpoint on this machine"),
    "verify": ("scim.commands.verify", "check that the rows of the tenant agree; --repair puts right what can be"),
    "export": ("scim.commands.export", "write the tenant to a file, as a backup"),
    "import": ("scim.commands.restore", "make the tenant of such a file"),
    "tenant": ("scim.commands.tenant", "operate the tenants of a deployment: create, list, suspend, delete, test"),
    "credential": ("scim.commands.credential", "operate their credentials: create, list, renew, revoke"),
    "access": ("scim.commands.access", "map groups to the roles of the application: map, list, unmap"),
    "webhook": ("scim.commands.webhook", "operate the webhooks of tenants: create, list, enable, rotate, replay, test"),
    "stream": ("scim.commands.stream", "operate the streams of Security Event Tokens: create, list, bind, restart"),
    "signing-key": ("scim.commands.signing_key", "make the key that signs these tokens, and rotate it"),
    "capture": (
        "scim.commands.capture",
        "keep what a client really sends, for up to an hour: start, stop, list, download",
    ),
    "log": ("scim.commands.log", "show a tenant's requests: who came, what failed and why"),
    "audit": ("scim.commands.audit", "show who changed what in the console, over HTTP and by commands"),
    "users": ("scim.commands.users", "find and show users; nothing is changed"),
    "groups": ("scim.commands.groups", "find and show groups; nothing is changed"),
    "check": ("scim.simulate.check", "test the connection as Entra does, and the life of one user and one group"),
    "simulate": ("scim.simulate.__main__", "play Entra's provisioning service against an endpoint"),
}
"""Each command's module has a function `main(arguments) -> exit code`; only the one that is called is imported."""


def usage() -> str:
    """Return the list of commands."""
    lines = [f"  {name:<11} {purpose}" for name, (_, purpose) in COMMANDS.items()]
    return "\n".join(["usage: python -m scim COMMAND [OPTIONS]", "", *lines, "", "COMMAND --help tells its options.\n"])


def main(arguments: list[str]) -> int:
    """Run a command and return its exit code, 2 for one that there is not; scim/commands/command.py has the others."""
    name = arguments[0] if arguments else ""
    if name in ("-h", "--help"):
        sys.stdout.write(usage())
        return 0
    if name not in COMMANDS:
        sys.stderr.write(f"scim: there is no command {name!r}\n\n{usage()}" if name else usage())
        return 2
    try:
        command = importlib.import_module("scim.commands.command")
        code: int = command.outcome(f"scim {name}", lambda: _run(name, arguments[1:]))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "scim":
            raise
        sys.stderr.write(f"scim {name}: the package {error.name} is missing; `make setup` makes .venv, which has it\n")
        return 2
    return code


def _run(name: str, arguments: list[str]) -> int:
    code: int = importlib.import_module(COMMANDS[name][0]).main(arguments)
    return code


def _stop(number: int, _: object) -> NoReturn:
    """End the command at once, but not before it has closed and removed what it has open.

    asyncio's own way of taking SIGINT waits until the command waits for something, which it may never do with SQLite.
    """
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


def _ended(code: int) -> int:
    """Return the code; what is still to be written to an output that is closed or full is given up."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _write_every_script() -> None:
    """Write what the output's encoding lacks as \\xNN, in place of an end amid the names of people."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    _write_every_script()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell has jobs in the background ignore it
        signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(_ended(main(sys.argv[1:])))
