"""What commands have in common: how they end, and that whatever keeps them from their work is told in one line."""

import argparse
import codecs
import json
import logging
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from scim.access.tenants import DEFAULT_KEY
from scim.protocol.errors import ScimError
from scim.settings import SettingsError

DONE, FAILED, WRONG_USAGE = 0, 1, 2
INTERRUPTED, UNREAD = 130, 141
"""As a shell tells the signals SIGINT and SIGPIPE."""


class WrongUsage(Exception):
    """The command line makes no sense; the text says what to change."""


class Failure(Exception):
    """What was asked for could not be done; the text says why, and what to change."""


class Parser(argparse.ArgumentParser):
    """Reads options; what is wrong with them is a WrongUsage, one line instead of two."""

    def error(self, message: str) -> NoReturn:
        raise WrongUsage(f"{message}; --help lists what there is")


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return the type of an option that is a whole number within limits; any other text is a WrongUsage."""

    def read(text: str) -> int:
        if text.isascii() and text.isdecimal() and len(text) < 12 and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"must be a whole number from {least:,} to {most:,}, not '{text[:40]}'")

    return read


def add_tenant(parser: Parser) -> None:
    """Let a command be told which tenant it is for."""
    text = f"the segment of its Tenant URL; default: {DEFAULT_KEY}"
    parser.add_argument("--tenant", metavar="KEY", default=DEFAULT_KEY, help=text)


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JSON to be printed: in ASCII where standard output takes less than UTF-8, so that it stays JSON."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return json.dumps(value, ensure_ascii=codecs.lookup(encoding).name != "utf-8", indent=indent)


def outcome(name: str, run: Callable[[], int]) -> int:
    """Return the exit code of a command: its own, or that of the error that ended it.

    An error that a person can do something about becomes a line on standard error, which begins with `name`. Any
    other is a bug, and raised.
    """
    logging.getLogger("azure").setLevel(logging.ERROR)  # it warns by the page of what the line says
    try:
        code = run()
        sys.stdout.flush()
    except (WrongUsage, SettingsError) as error:
        code, text = WRONG_USAGE, str(error)
    except (Failure, ScimError) as error:
        code, text = FAILED, str(error)
    except SystemExit as ended:  # after --help, or at SIGTERM
        return int(ended.code or 0)
    except KeyboardInterrupt:
        code, text = INTERRUPTED, "interrupted"
    except BrokenPipeError:  # as with `| head`: whoever reads has enough
        code, text = UNREAD, ""
    except OSError as error:
        code, text = FAILED, f"{error.filename or 'standard output'}: {error.strerror or error}"
    else:
        return code
    if text:
        sys.stderr.write(f"{name}: {' '.join(text.split())}\n")
    return code
