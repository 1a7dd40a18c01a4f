"""The examples of RFC 7643 and 7644, each a file below `rfc` named by its section.

A file tells its `source` and an `operation`, which says what else it has and how it is tried:

- create: a `resource` of a `type` and what is kept of it (`expect`);
- patch: a `request` on a `resource`, and the resource afterwards, or the scimType of the error;
- filter: `filters` over `resources`, and which of them each selects;
- paths: `paths` of PATCH operations and their parts;
- schema: the `attributes` of a schema, and those that are otherwise here, each with its reason;
- discovery: `documents` and the types of what they must have;
- exchange: requests and their answers; the Operations of a body may be there many times (`repeat`).

The first five are tried without HTTP; all but `paths` and `schema` over HTTP too. Ids, versions and addresses stand as
they do in the RFC: what is `given` under such an id is created first, and its real id put in place of the RFC's. Of an
answer only what `expect` names is compared: null is an absent attribute, `*` at the end of a text any ending of it.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from scim.protocol.errors import ScimError
from scim.protocol.filter import parse_filter, parse_path
from scim.protocol.patch import apply
from scim.protocol.query import matcher
from scim.protocol.resource import Resource, schemas_of
from scim.protocol.schema import ResourceType, load_schemas
from scim.protocol.validation import read_resource
from scim.service.bodies import patch_operations
from tests.conftest import BASE_URL, Answer, Http

SCHEMAS = load_schemas()
TYPES: dict[str, ResourceType] = {each.name: each for each in SCHEMAS.resource_types}
RFC_URL = "https://example.com/v2"


def read(file: Path) -> dict[str, Any]:
    example: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return example


EXAMPLES = {file.stem: read(file) for file in sorted((Path(__file__).parent / "rfc").glob("*.json"))}


def named(*operations: str) -> list[str]:
    """Return the names of the examples with one of the operations."""
    return [name for name, example in EXAMPLES.items() if example["operation"] in operations]


def test_every_example_says_where_it_is_from_and_is_tried() -> None:
    """No file is left out because its operation is misspelt."""
    known = {"create", "patch", "filter", "paths", "schema", "discovery", "exchange"}
    for name, example in EXAMPLES.items():
        assert example["operation"] in known, name
        assert name.startswith("rfc" + example["source"].removeprefix("RFC ")[:4]), name


# --- Without HTTP ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", named("create"))
def test_a_resource_is_read_as_the_rfc_shows_it(name: str) -> None:
    """What is writable is kept as it is, all else left out."""
    example = EXAMPLES[name]
    assert read_resource(TYPES[example["type"]], example["resource"]) == example["expect"]


@pytest.mark.parametrize("name", named("patch"))
def test_a_patch_makes_what_the_rfc_says(name: str) -> None:
    """The resource is what it is to be; members change by id."""
    example = EXAMPLES[name]
    kind, resource, expected = TYPES[example["type"]], dict(example["resource"]), dict(example["expect"])
    before = [each["value"] for each in resource.pop("members", [])]
    after = [each["value"] for each in expected.pop("members", [])]
    operations = patch_operations(example["request"])
    if "error" in expected:
        with pytest.raises(ScimError) as refusal:
            apply(kind, resource, operations)
        assert refusal.value.scim_type == expected["error"]
        return
    change = apply(kind, resource, operations)
    assert change.resource == expected
    kept = [] if change.members.cleared else [each for each in before if each not in change.members.wanted]
    assert sorted([*kept, *change.members.added]) == sorted(after)


@pytest.mark.parametrize("name", named("filter"))
def test_a_filter_selects_what_the_rfc_means(name: str) -> None:
    """Every filter of the RFC's figure, on people that tell them apart."""
    example = EXAMPLES[name]
    kind = TYPES[example["type"]]
    people = {
        key: {**resource, "schemas": schemas_of(kind, resource), "meta": {"lastModified": "2026-01-31T12:00:00Z"}}
        for key, resource in example["resources"].items()
    }
    for each in example["filters"]:
        matches = matcher(parse_filter(each["filter"]), kind)
        assert [key for key, person in people.items() if matches(person)] == each["expect"], each["filter"]


@pytest.mark.parametrize("name", named("paths"))
def test_a_path_has_the_parts_that_the_rfc_names(name: str) -> None:
    """Attribute, filter and sub-attribute."""
    for each in EXAMPLES[name]["paths"]:
        path, expected = parse_path(each["path"]), each["expect"]
        assert (path.attribute.name, path.attribute.sub) == (expected["attribute"], expected.get("sub", ""))
        assert path.filter == (parse_filter(expected["filter"]) if "filter" in expected else None)


def described(attribute: Resource) -> str:
    """Return an attribute of a schema document in the words of the examples."""
    words = [attribute["type"]]
    words += ["multiValued"] if attribute["multiValued"] else []
    words += ["required"] if attribute["required"] else []
    usual = {"mutability": "readWrite", "returned": "default", "uniqueness": "none"}
    words += [f"{key}:{attribute[key]}" for key, word in usual.items() if attribute.get(key, word) != word]
    lists = {"canonical": "canonicalValues", "refers": "referenceTypes"}
    words += [f"{word}:{','.join(attribute[key])}" for word, key in lists.items() if key in attribute]
    return " ".join(words)


def flat(attributes: Iterable[Resource], prefix: str = "") -> dict[str, str]:
    """Return the attributes of a schema document and their sub-attributes by path."""
    found: dict[str, str] = {}
    for each in attributes:
        path = f"{prefix}{each['name']}"
        found |= {path: described(each), **flat(each.get("subAttributes", ()), f"{path}.")}
    return found


@pytest.mark.parametrize("name", named("schema"))
def test_a_schema_is_that_of_the_rfc_but_for_named_differences(name: str) -> None:
    """Each attribute is as in the RFC, or has a reason not to be; a reason without a difference has to go."""
    example = EXAMPLES[name]
    schema = next(each for each in SCHEMAS.all if each.id == example["schema"])
    ours, theirs = flat(schema.document["attributes"]), example["attributes"]
    assert {path for path, words in theirs.items() if ours.get(path) != words} == set(example["expect"])
    assert set(ours) - set(theirs) <= {"externalId"}  # common to all resources, and listed because Entra looks for it


# --- Over HTTP -------------------------------------------------------------------------------------------------------


class Stage:
    """A service with the resources that an example is given, and its real ids in place of the RFC's."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._real = {RFC_URL: BASE_URL}

    async def give(self, example: Resource) -> None:
        for rfc_id, each in example.get("given", {}).items():
            made = await self.create(each["type"], each["resource"])
            self._real[rfc_id] = made["id"]
            if "version" in each:
                self._real[each["version"]] = made["meta"]["version"]

    async def create(self, kind: str, resource: Resource) -> Any:
        answer = await self._http.request("POST", TYPES[kind].endpoint, self.real(resource))
        assert answer.status == 201, answer.body
        return answer.body

    async def request(self, request: str, body: Any = None, headers: Any = None) -> Answer:
        method, _, path = self.real(request).partition(" ")
        return await self._http.request(method, path, self.real(body), self.real(headers or {}))

    def real(self, value: Any) -> Any:
        """Return a value of an example with our ids, versions and address in it."""
        if isinstance(value, str):
            for text, real in self._real.items():
                value = value.replace(text, real)
            return value
        if isinstance(value, list):
            return [self.real(each) for each in value]
        return {self.real(name): self.real(each) for name, each in value.items()} if isinstance(value, dict) else value


@pytest.fixture
def stage(http: Http) -> Stage:
    """A service without resources."""
    return Stage(http)


def differences(expected: Any, got: Any, at: str = "") -> list[str]:
    """Return where an answer is not as expected, each as a line."""
    if expected is None:
        return [] if got is None else [f"{at} is there, as {got!r}"]
    if isinstance(expected, dict) and isinstance(got, dict):
        return [line for name, each in expected.items() for line in differences(each, got.get(name), f"{at}/{name}")]
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        return [
            line
            for number, (one, other) in enumerate(zip(expected, got, strict=True))
            for line in differences(one, other, f"{at}/{number}")
        ]
    if isinstance(expected, str) and expected.endswith("*"):
        alike = got is not None and str(got).startswith(expected[:-1])
    else:
        alike = expected == got and type(expected) is type(got)
    return [] if alike else [f"{at} is {got!r} where {expected!r} was expected"]


def as_expected(stage: Stage, answer: Answer, expected: Resource) -> None:
    assert answer.status == expected["status"], answer.body
    assert differences(stage.real(expected.get("headers", {})), answer.headers) == []
    assert differences(stage.real(expected.get("body")), answer.body if "body" in expected else None) == []


@pytest.mark.parametrize("name", named("create"))
async def test_a_resource_is_created_as_the_rfc_shows_it(stage: Stage, name: str) -> None:
    """POST answers with it, and GET afterwards."""
    example = EXAMPLES[name]
    await stage.give(example)
    made = await stage.create(example["type"], example["resource"])
    got = await stage.request(f"GET {TYPES[example['type']].endpoint}/{made['id']}")
    for answer in (made, got.body):
        assert differences(stage.real(example["expect"]), answer) == []


@pytest.mark.parametrize("name", named("patch"))
async def test_a_patched_resource_is_what_the_rfc_says(stage: Stage, name: str) -> None:
    """GET after PATCH shows it; an error has the status and scimType of the RFC."""
    example = EXAMPLES[name]
    await stage.give(example)
    made = await stage.create(example["type"], example["resource"])
    address = f"{TYPES[example['type']].endpoint}/{made['id']}"
    answer = await stage.request(f"PATCH {address}", example["request"])
    got = (await stage.request(f"GET {address}")).body
    if "error" in example["expect"]:
        assert (answer.status, answer.body["scimType"]) == (400, example["expect"]["error"])
        assert got == made
        return
    assert answer.status in (200, 204)
    for body in (each for each in (got, answer.body) if each):
        expected = stage.real(example["expect"])
        assert ids(body) == ids(expected)
        assert differences({**expected, "members": body.get("members")}, body) == []


def ids(resource: Resource) -> list[str]:
    return sorted(each["value"] for each in resource.get("members", ()))


@pytest.mark.parametrize("name", named("filter"))
async def test_a_search_finds_what_the_rfc_means(stage: Stage, name: str) -> None:
    """The same filters over HTTP, whatever index or scan answers them."""
    example = EXAMPLES[name]
    made = {key: await stage.create(example["type"], each) for key, each in example["resources"].items()}
    for each in example["filters"]:
        body = {"filter": each["filter"], "attributes": ["userName"]}
        answer = await stage.request(f"POST {TYPES[example['type']].endpoint}/.search", body)
        assert answer.status == 200, each["filter"]
        assert {found["id"] for found in answer.body["Resources"]} == {made[key]["id"] for key in each["expect"]}


@pytest.mark.parametrize("name", named("exchange"))
async def test_an_exchange_goes_as_the_rfc_shows_it(stage: Stage, name: str) -> None:
    """Status, headers and body of each answer."""
    example = EXAMPLES[name]
    await stage.give(example)
    for each in example["exchanges"]:
        body = each.get("body")
        if "repeat" in each:
            body = {**body, "Operations": body["Operations"] * each["repeat"]}
        answer = await stage.request(each["request"], body, each.get("headers"))
        as_expected(stage, answer, each["expect"])


JSON_TYPES = {"string": str, "boolean": bool, "integer": int}


def leaves(value: Any, path: str) -> list[Any]:
    """Return every value at a dotted path; None for each that is missing."""
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each, path)]
    name, _, rest = path.partition(".")
    found = value.get(name) if isinstance(value, dict) else None
    return leaves(found, rest) if rest else [found]


@pytest.mark.parametrize("name", named("discovery"))
async def test_a_discovery_document_has_what_its_schema_requires(stage: Stage, name: str) -> None:
    """Every attribute is there, in its type."""
    for each in EXAMPLES[name]["documents"]:
        answer = await stage.request(each["request"])
        for path, kind in each["attributes"].items():
            found = leaves(answer.body, path)
            assert found, path
            assert all(type(leaf) is JSON_TYPES[kind] for leaf in found), path
