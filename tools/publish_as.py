"""Name this copy as its own: python -m tools.publish_as OWNER [REPOSITORY], or `make publish-as OWNER=name`.

Writes the owner and the name of the repository on GitHub where Azure's portal needs them: into the addresses of the
button in README.md and docs/deploy.md, and into the form behind it, which tells the template whose release to install.
Nothing else names the repository. Running it twice is running it once.
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/deploy.md")
FORM = "infra/createUiDefinition.json"
REPOSITORY = "entra-scim-functions"
ADDRESS = re.compile(r"(raw\.githubusercontent\.com%2F)[^%]+%2F[^%]+(%2F)")
NAMED = re.compile(r'("repository": )"[^"]*"')


class PublishError(Exception):
    """The names cannot be written; the text says why."""


def publish_as(owner: str, repository: str, root: Path = ROOT) -> list[str]:
    """Write both names into the copy at `root`; return the files that changed."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}", owner):
        raise PublishError(f"{owner!r} is no name of an owner on GitHub: give letters, digits and dashes")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", repository):
        raise PublishError(f"{repository!r} is no name of a repository on GitHub: give letters, digits, dots, dashes")
    button = (ADDRESS, rf"\g<1>{owner}%2F{repository}\g<2>")
    form = (NAMED, rf'\g<1>"{owner}/{repository}"')
    changes = [(name, *button) for name in PAGES] + [(FORM, *form)]
    return [name for name, pattern, text in changes if _rewrite(root / name, pattern, text)]


def _rewrite(file: Path, pattern: re.Pattern[str], text: str) -> bool:
    before = file.read_text(encoding="utf-8")
    after, count = pattern.subn(text, before)
    if not count:
        raise PublishError(f"{file} has no place for the name: is it the file of this release?")
    file.write_text(after, encoding="utf-8")
    return after != before


def named(root: Path = ROOT) -> str:
    """Return the repository that the form names, as owner/name; empty before a copy is named."""
    form = json.loads((root / FORM).read_text(encoding="utf-8"))
    return str(form["parameters"]["outputs"]["repository"])


def main() -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Name this copy as its own, for the button and its form.")
    parser.add_argument("owner", help="who owns the repository on GitHub")
    parser.add_argument("repository", nargs="?", default=REPOSITORY, help="its name (default: %(default)s)")
    asked = parser.parse_args()
    try:
        changed = publish_as(asked.owner, asked.repository)
    except PublishError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("\n".join(changed or ["nothing to change: this copy is named so already"]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
