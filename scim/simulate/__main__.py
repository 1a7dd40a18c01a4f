"""`python -m scim simulate`, and `python -m scim.simulate` by itself."""

import sys
from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run the command line; return 0 when equal, 1 when not, 2 when the options are wrong."""
    try:
        from scim.simulate.command import main as run
    except ModuleNotFoundError as error:
        # The deployed app has no use for them, so they are no dependencies of it.
        if error.name not in ("aiohttp", "rich"):
            raise
        sys.stderr.write(f"scim simulate: the package {error.name} is missing: pip install aiohttp rich\n")
        return 2
    return run(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
