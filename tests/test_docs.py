"""The documentation names what the code has: settings, limits, errors, routes; and its links lead somewhere."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from scim.__main__ import COMMANDS
from scim.directory import access, matching, memberships, roles, search, stored
from scim.protocol import errors, patch, projection, query, sizes, validation, work
from scim.protocol import filter as grammar
from scim.protocol.errors import MethodNotAllowed, ScimError
from scim.security_events import token
from scim.service import access as access_answers
from scim.service import bulk, messages
from scim.service.discovery import MAX_OPERATIONS
from scim.service.routes import ANYWHERE, ROUTES
from scim.settings import Settings, variable_of
from scim.storage import deadline, rows
from scim.webhooks import delivery, sender, webhook
from tests.test_architecture import FLOORS

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
DEFAULTS = {each.name: each.default for each in fields(Settings)}
VARIABLES = {name: variable_of(name) for name in DEFAULTS}


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def table(text: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading, each as its cells."""
    below = re.split(rf"\n##+ {re.escape(heading)}\n", text, maxsplit=1)[1]
    lines = [line for line in re.split(r"\n##+ ", below)[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def plain(cell: str) -> str:
    """Return a cell without code marks, and of a link its text."""
    return re.sub(r"\[(.*?)\]\(.*?\)", r"\1", cell).replace("`", "")


def subclasses(kind: type[ScimError]) -> set[type[ScimError]]:
    found = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, kind)}
    return found - {kind}


def default_of(name: str) -> str:
    default = DEFAULTS[name]
    return ",".join(default) if isinstance(default, tuple) else str(default)


def test_each_setting_is_explained() -> None:
    """In the table and under a heading of its own, and nothing is explained that is none."""
    text = page("docs/settings.md")
    assert [plain(row[0]) for row in table(text, "At a glance")] == list(VARIABLES.values())
    headings = re.findall(r"^### (.*)$", text.split("\n## Each setting\n")[1].split("\n## ")[0], re.M)
    assert {name for each in headings for name in re.findall(r"[A-Z_]{5,}\w*", each)} == set(VARIABLES.values())


@pytest.mark.parametrize(
    "name",
    [
        *("tenant", "filterable", "scan_rows", "scan_seconds", "request_seconds"),
        *("change_retention_days", "event_retention_days"),
    ],
)
def test_the_default_that_is_told_is_the_default(name: str) -> None:
    """As the code has it."""
    told = {plain(row[0]): plain(row[1]) for row in table(page("docs/settings.md"), "At a glance")}
    assert told[VARIABLES[name]].removesuffix(".0") == default_of(name).removesuffix(".0")


def _size(size: sizes.Size) -> str:
    length = f"{size.length // 2**20} MiB" if size.length >= 2**20 else f"{size.length // 2**10} KiB"
    return f"{length}, {size.values:,} values"


def test_each_limit_that_is_told_is_in_force() -> None:
    """Figures that are not settings, row by row."""
    told = {row[0]: row[1] for row in table(page("docs/settings.md"), "Limits that are not settings")}
    assert told == {
        "body of a request for a group, or of a Bulk request": _size(sizes.MANY),
        "body of a request for a user": _size(sizes.RESOURCE),
        "body of a `.search`": _size(sizes.SEARCH),
        "nesting of a body": f"{messages.MAX_DEPTH} levels",
        "one text": f"{validation.MAX_TEXT:,} characters",
        "one stored resource, members not counted": (
            f"{rows.MAX_BODY_BYTES:,} bytes as UTF-16, {sizes.RESOURCE.values:,} values"
        ),
        "filter or path": (
            f"{grammar.MAX_LENGTH:,} characters, {grammar.MAX_DEPTH} levels, {grammar.MAX_TERMS} comparisons"
        ),
        "names in `attributes`, and in `excludedAttributes`": f"{query.MAX_NAMES}",
        'comparisons in the filters of these names, as in `emails[type eq "work"]`': f"{projection.MAX_COMPARISONS}",
        "page of a list": f"{query.DEFAULT_COUNT} if nothing is asked, {query.MAX_COUNT:,} at most",
        "resources of one page, as stored": f"{matching.MAX_PAGE_BYTES // 2**20} MiB",
        "memberships on one page": f"{search.MAX_EDGES:,}",
        "names of groups (`groups.display`) in one answer": str(memberships.MAX_NAMED),
        "memberships of one resource in a search": f"{search.MAX_OWN_EDGES:,}",
        "operations in one Bulk request": f"{MAX_OPERATIONS:,}",
        "calls of the storage for one request": f"{deadline.CALLS:,}",
        "operations in one PATCH": f"{patch.MAX_OPERATIONS:,}",
        "values that one PATCH compares or adds": f"{patch.MAX_COMPARED:,}",
        "names in one POST, PUT or PATCH that no schema knows": f"{validation.MAX_UNKNOWN:,}",
        "users in one question to `/access`": str(access_answers.MAX_USERS),
        "groups, and memberships, that one answer of `/access` looks at": f"{access.MAX_GROUPS:,}",
        "levels of nested groups that count in `/access`": str(access.MAX_LEVELS),
        "roles that one group gives": str(roles.MAX_ROLES),
        "groups of a tenant that give roles": f"{roles.MAX_MAPPED:,}",
        "look-up and unique rows of one resource": f"{stored.MAX_DERIVED}",
        "what one search compares": f"{work.MAX_WORK:,} units of work",
        "rows that the operations of one Bulk request read and write": f"{bulk.MAX_TRAFFIC // 2**20} MiB",
        "webhooks of one tenant": f"{webhook.MAX_WEBHOOKS}",
        "request to a webhook": (
            f"below {delivery.MAX_BODY:,} bytes, a token below {token.MAX_TOKEN:,}; {sender.SECONDS:.0f} s,"
            f" {sender.MAX_ANSWER // 2**10} KiB of the answer are read"
        ),
        "sorting looks at": f"the first {query.SORT_LENGTH} characters of a value",
    }


def test_the_sample_has_only_settings_that_there_are() -> None:
    """A misspelt one would be ignored in silence; what `func start` needs is there."""
    sample = json.loads(page("local.settings.sample.json"))
    host = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}
    assert set(sample["Values"]) - host <= set(VARIABLES.values())
    assert sample["IsEncrypted"] is False
    assert sample["Values"]["FUNCTIONS_WORKER_RUNTIME"] == "python"
    assert Settings.from_environ(sample["Values"]).storage == "UseDevelopmentStorage=true"


def test_each_error_is_explained_with_its_status_and_type() -> None:
    """In the table, and in a section of its own."""
    text = page("docs/errors.md")
    told = {plain(row[0]): (row[1], plain(row[2])) for row in table(text, "At a glance")}
    told.pop("any other failure")
    expected = {each.__name__: (str(each.status), each.scim_type or "\u2013") for each in subclasses(ScimError)}
    assert told == expected
    assert set(expected) <= set(re.findall(r"^## (\w+)$", text, re.M))


def examples(section: str) -> list[dict[str, Any]]:
    """Return the error bodies of a section; a block has one, or one a line."""
    blocks = re.findall(r"```json\n(.*?)```", section, re.S)
    return [json.loads(part) for block in blocks for part in re.split(r"\n(?=\{)", block) if part.strip()]


@pytest.mark.parametrize("kind", sorted(subclasses(ScimError), key=str), ids=lambda kind: kind.__name__)
def test_each_error_is_shown_as_the_service_sends_it(kind: type[ScimError]) -> None:
    """In its section, or at the top of the page: with the status and the type of its class, and the detail last."""
    text = page("docs/errors.md")
    section = text.split(f"\n## {kind.__name__}\n", 1)[1].split("\n## ")[0]
    shown = examples(section) or examples(text.split("\n## ")[0])
    assert shown
    for example in shown:
        assert (example["status"], example.get("scimType")) == (str(kind.status), kind.scim_type)
        assert list(example)[-1] == "detail"


def test_what_an_error_carries_in_headers_is_told() -> None:
    """WWW-Authenticate, Allow and Retry-After, each in the section of its class."""
    text = page("docs/errors.md")
    for kind in subclasses(ScimError):
        error = kind("x", "GET") if issubclass(kind, MethodNotAllowed) else kind("x")
        section = text.split(f"\n## {kind.__name__}\n", 1)[1].split("\n## ")[0]
        for header in error.headers:
            assert header in section, (kind.__name__, header)


def test_each_route_is_listed() -> None:
    """By its function's name, with its methods and its path."""
    told = {plain(row[0]): (row[1], row[2]) for row in table(page("docs/architecture.md"), "The routes")}
    for route in ROUTES:
        methods, path = told.pop(route.name)
        assert methods == ", ".join(route.methods)
        assert plain(path).startswith(f"/{route.path}" if route.path else "the Tenant URL itself")
    others = {"Health", "IssueToken", "DescribeOAuth", "Console", "ConsoleFiles", "Manage", ANYWHERE}
    assert set(told) == others | {"Maintenance", "Deliver"}


def test_each_folder_stands_on_its_floor() -> None:
    """The table of floors is the list that tests/test_architecture.py holds; a floor's first row has its number."""
    told: list[set[str]] = []
    for floor, part, _, _ in table(page("docs/architecture.md"), "The floors"):
        if floor == "–":
            assert plain(part) in ("scim/simulate/", "scim/console/")
            break
        if floor:
            assert int(floor) == len(told) + 1
            told.append(set())
        told[-1].add(plain(part).removeprefix("scim/").removesuffix("/").removesuffix(".py"))
    assert told == [set(parts) for parts in FLOORS]


@pytest.mark.parametrize("path", PAGES, ids=[path.name for path in PAGES])
def test_each_command_that_a_page_names_is_there(path: Path) -> None:
    """Targets of make, commands of the service, and measurements."""
    parts = re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", path.read_text(encoding="utf-8"), re.S)
    code = "\n".join(block or words for block, words in parts)
    targets = set(re.findall(r"^([a-z-]+):.*## ", page("Makefile"), re.M))
    assert set(re.findall(r"\bmake ([a-z-]+)", code)) <= targets
    assert set(re.findall(r"python -m scim ([a-z][a-z-]*)", code)) <= set(COMMANDS)
    assert all((ROOT / "bench" / f"{name}.py").exists() for name in re.findall(r"python -m bench\.(\w+)", code))


NUMBERS = {"three": 3, "six": 6, "seven": 7}


@pytest.mark.parametrize("way", ["azd", "Bicep by hand", "GitHub"])
def test_the_number_of_commands_that_a_deployment_takes_is_told(way: str) -> None:
    """As many as stand on the page that the row leads to; whoever expects five and finds seven thinks of a mistake."""
    [(link, told)] = [row for row in table(page("README.md"), "Deploy") if row[0].startswith(f"[{way}]")]
    section = re.search(rf"^### (?:From )?{way}$(.*?)^##", page("docs/deploy.md"), re.M | re.S)
    assert section, link
    block = re.search(r"```sh\n(.*?)```", section[1], re.S)
    assert block, link
    assert NUMBERS[re.split(r"\W", told)[0]] == len(re.findall(r"\bazd? [a-z]", block[1]))


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    names = (plain(each).lower() for each in re.findall(r"^#+ (.*)$", text, re.M))
    return {re.sub(r"[^\w\- ]", "", name).replace(" ", "-") for name in names}


@pytest.mark.parametrize("path", PAGES, ids=[path.name for path in PAGES])
def test_links_lead_somewhere(path: Path) -> None:
    """Those to files of the repository, and those to headings."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("path", PAGES, ids=[path.name for path in PAGES])
def test_no_page_names_a_setting_that_there_is_not(path: Path) -> None:
    """A reader would set it in vain."""
    named = set(re.findall(r"\bSCIM_[A-Z_]+[A-Z]\b(?!__)", path.read_text(encoding="utf-8")))
    assert named <= set(VARIABLES.values()) | {"SCIM_SIMULATE_TOKEN"}
