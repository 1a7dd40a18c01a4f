"""The command line: `python -m scim COMMAND`."""

import importlib
import sys

COMMANDS = {
    "serve": ("scim.local", "serve the endpoint on this machine"),
    "verify": ("scim.verify", "check that the rows of the tenant agree; --repair puts right what can be"),
    "export": ("scim.export", "write the tenant to a file, as a backup"),
    "import": ("scim.restore", "make the tenant of such a file"),
    "simulate": ("scim.simulate", "play Entra's provisioning service against an endpoint"),
}
"""Each command's module has a function `main(arguments) -> exit code`; only the one that is called is imported."""


def main(arguments: list[str]) -> int:
    """Run a command and return its exit code; 2 for a command that there is not."""
    if not arguments or arguments[0] not in COMMANDS:
        sys.stderr.write("usage: python -m scim COMMAND [OPTIONS]\n\n")
        for name, (_, purpose) in COMMANDS.items():
            sys.stderr.write(f"  {name:<10} {purpose}\n")
        return 0 if arguments in (["-h"], ["--help"]) else 2
    module = importlib.import_module(COMMANDS[arguments[0]][0])
    code: int = module.main(arguments[1:])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
