"""The plan of the house: which room may use which, and what stays out of most of them."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENTRY = "function_app"
SIMULATOR = "scim.simulate"
MAX_LINES = 450
MAX_TEST_LINES = 500

FLOORS = (
    ("settings", "invocation", "watchdog", "protocol"),
    ("storage",),
    ("directory", "access"),
    ("security_events",),
    ("azure", "webhooks"),
    ("service",),
    ("management",),
    ("app",),
    ("commands", "host"),
    ("local", "__main__"),
)
"""Folders of `scim`, and the files beside them, from the ground up. One imports only from the floors below its own."""

SIMULATOR_FLOORS = (
    ("source", "wire"),
    ("job",),
    ("report",),
    ("simulation", "options", "life"),
    ("command", "check"),
    ("__main__",),
)
"""The same of `scim/simulate`."""

FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}
SIMULATOR_FLOOR = {part: number for number, parts in enumerate(SIMULATOR_FLOORS) for part in parts}
FOLDERS = [*(f"scim/{part}" for part in [*FLOOR, "simulate"]), *(f"scim/simulate/{part}" for part in SIMULATOR_FLOOR)]
AZURE_ALLOWED = {
    ENTRY,
    "scim.local",
    "scim.azure.account",
    "scim.azure.connections",
    "scim.azure.entities",
    "scim.azure.hints",
    "scim.azure.identity",
    "scim.azure.patience",
    "scim.azure.signing_key",
    "scim.azure.tables",
    "scim.azure.vault",
    "scim.azure.vault_client",
    "scim.azure.webhook_key",
}
ENVIRONMENT_ALLOWED = {"scim.app", "scim.local"}
"""The second stands for the Functions host, which hands settings over in the environment."""


def source_of(module: str) -> str:
    return (ROOT / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")


def modules() -> list[str]:
    """Return the names of all modules, those that only make a folder a package left out."""
    files = [path for path in sorted((ROOT / "scim").rglob("*.py")) if path.name != "__init__.py"]
    return [ENTRY, *(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files)]


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(source_of(module))


@cache
def imports_of(module: str) -> frozenset[str]:
    """Return every module that a module imports, wherever in it the import stands, and every name it takes of one."""
    found: set[str] = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively; write the full name"
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


SERVICE = [each for each in modules() if not each.startswith(SIMULATOR)]


ROOMS = [each for each in modules() if each != ENTRY]


def part_of(module: str) -> tuple[str, dict[str, int]]:
    """Return the folder or file in which a module is, and the floors of the house that it stands in."""
    _, part, *inner = module.split(".")
    return (inner[0], SIMULATOR_FLOOR) if part == "simulate" else (part, FLOOR)


def rooms_used_by(room: str) -> set[str]:
    return {each for each in imports_of(room) if each in ROOMS}


@pytest.mark.parametrize("floors", [FLOOR, SIMULATOR_FLOOR], ids=["scim", "scim/simulate"])
def test_every_room_is_on_a_floor(floors: dict[str, int]) -> None:
    """A new folder gets a floor above all that it imports, and one that is gone leaves it."""
    parts = [part_of(room) for room in ROOMS]
    assert {part for part, its_floors in parts if its_floors is floors} == set(floors)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_uses_its_own_folder_and_the_floors_below(room: str) -> None:
    """So there is one direction, and the floors below can be understood without those above."""
    own, floors = part_of(room)
    parts = {each: part_of(each)[0] for each in rooms_used_by(room)}
    above = [each for each, part in parts.items() if part != own and floors.get(part, -1) >= floors[own]]
    assert not above, f"{room} must not import what is beside or above it"


def test_no_room_uses_itself_by_way_of_others() -> None:
    """Within a folder there is no fixed order, and no circle either."""
    TopologicalSorter({room: rooms_used_by(room) for room in ROOMS}).prepare()  # raises CycleError, which names it


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if (ROOT / folder).is_dir()])
def test_a_folder_says_what_it_is_and_imports_nothing(folder: str) -> None:
    """In one sentence, which docs/architecture.md says too; what it imported would make every cold start longer."""
    tree = ast.parse((ROOT / folder / "__init__.py").read_text(encoding="utf-8"))
    sentence = ast.get_docstring(tree)
    assert len(tree.body) == 1
    assert sentence
    assert f"| {sentence.rstrip('.')} |" in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("room", SERVICE)
def test_only_few_rooms_know_azure(room: str) -> None:
    """The service runs on the embedded store without any package of Azure but the Functions worker's."""
    uses_azure = any(each.split(".")[0] == "azure" for each in imports_of(room))
    assert not uses_azure or room in AZURE_ALLOWED


@pytest.mark.parametrize("room", SERVICE)
def test_the_environment_is_read_in_one_place(room: str) -> None:
    """Everything else gets settings as values, so tests need no environment and a reader finds every setting."""
    attributes = [node for node in ast.walk(tree_of(room)) if isinstance(node, ast.Attribute)]
    read = {f"{node.value.id}.{node.attr}" for node in attributes if isinstance(node.value, ast.Name)}
    reads = (read | imports_of(room)) & {"os.environ", "os.getenv"}
    assert not reads or room in ENVIRONMENT_ALLOWED


@pytest.mark.parametrize("module", modules())
def test_a_room_fits_into_a_head(module: str) -> None:
    """A room over the limit is two rooms."""
    assert len(source_of(module).splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_of_tests_has_one_subject(path: Path) -> None:
    """One over the limit has several, and whoever looks for a test of one has to read them all."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_TEST_LINES


@pytest.mark.parametrize("module", [each for each in modules() if each.startswith(SIMULATOR)])
def test_the_simulator_and_the_service_know_nothing_of_each_other(module: str) -> None:
    """The simulator speaks HTTP to any endpoint, so it can be pointed at somebody else's."""
    foreign = [each for each in imports_of(module) if each.startswith("scim.") and not each.startswith(SIMULATOR)]
    assert not foreign
    assert not [room for room in SERVICE if module in imports_of(room)]
