"""Discovery: what the service tells of itself, which is what it does."""

import json
from typing import Any

import pytest

from scim.app import App
from scim.protocol.query import DEFAULT_COUNT, LIST_RESPONSE, MAX_COUNT
from scim.protocol.sizes import MANY
from scim.service.discovery import MAX_OPERATIONS
from scim.storage.rows import Rows
from tests.conftest import BASE_URL, Clock, Http, make_app
from tests.samples import CONTOSO, CORE, ENTERPRISE, EXTENSIONS

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Schema"


async def documents(http: Http, path: str) -> dict[str, Any]:
    listed = (await http.request("GET", path)).body["Resources"]
    return {each["id"]: each for each in listed}


def nulls(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(nulls(each) for each in inner)


def flattened(document: dict[str, Any]) -> set[str]:
    """Return the target attributes that Microsoft's gallery test makes of a schema, in lower case."""
    paths = set()
    prefix = "" if document["id"] in (CORE, GROUP) else f"{document['id']}:"
    for attribute in document["attributes"]:
        name, subs = prefix + attribute["name"], attribute.get("subAttributes", [])
        kinds: list[str] = next((each.get("canonicalValues", []) for each in subs if each["name"] == "type"), [])
        if not subs or not attribute["multiValued"]:
            paths |= {name, *(f"{name}.{each['name']}" for each in subs)}
        elif kinds:
            paths |= {f'{name}[type eq "{kind}"].{each["name"]}' for kind in kinds for each in subs}
        else:
            paths |= {f'{name}[primary eq "True"].{each["name"]}' for each in subs}
    return {path.lower() for path in paths}


async def test_schemas_are_a_list_in_the_form_that_entra_reads(http: Http) -> None:
    """A ListResponse whose documents have schemas, id, name, description, attributes and meta; nothing is null."""
    answer = await http.request("GET", "/Schemas")
    assert answer.status == 200
    assert {name: item for name, item in answer.body.items() if name != "Resources"} == {
        "schemas": [LIST_RESPONSE],
        "totalResults": 3,
        "startIndex": 1,
        "itemsPerPage": 3,
    }
    assert [each["id"] for each in answer.body["Resources"]] == [CORE, GROUP, ENTERPRISE]
    for each in answer.body["Resources"]:
        assert set(each) == {"schemas", "id", "name", "description", "attributes", "meta"}
        assert each["schemas"] == [SCHEMA]
        assert each["meta"] == {"resourceType": "Schema", "location": f"{BASE_URL}/Schemas/{each['id']}"}
    assert not nulls(answer.body)


async def test_each_attribute_tells_its_characteristics(http: Http) -> None:
    """In the words of RFC 7643 §7, sub-attributes too, so that a client need not guess defaults."""
    wanted = {"name", "type", "multiValued", "description", "required", "mutability", "returned", "uniqueness"}
    for document in (await documents(http, "/Schemas")).values():
        for attribute in document["attributes"]:
            for each in (attribute, *attribute.get("subAttributes", [])):
                assert wanted <= set(each), (document["id"], each["name"])
                assert each["mutability"] in ("readWrite", "readOnly", "immutable", "writeOnly")


@pytest.mark.parametrize("urn", [CORE, GROUP])
async def test_external_id_is_listed(http: Http, urn: str) -> None:
    """RFC 7643 leaves it out as common to all; Microsoft's gallery test does not find it then."""
    attributes = (await documents(http, "/Schemas"))[urn]["attributes"]
    [external_id] = [each for each in attributes if each["name"] == "externalId"]
    assert external_id["caseExact"] is True


@pytest.mark.parametrize(
    "path",
    [
        "userName",
        "active",
        "displayName",
        "title",
        "externalId",
        "preferredLanguage",
        "name.givenName",
        "name.familyName",
        "name.formatted",
        'emails[type eq "work"].value',
        'emails[type eq "other"].value',
        'addresses[type eq "work"].formatted',
        'addresses[type eq "work"].streetAddress',
        'addresses[type eq "work"].locality',
        'addresses[type eq "work"].region',
        'addresses[type eq "work"].postalCode',
        'addresses[type eq "work"].country',
        'addresses[type eq "other"].formatted',
        'phoneNumbers[type eq "work"].value',
        'phoneNumbers[type eq "mobile"].value',
        'phoneNumbers[type eq "fax"].value',
        'roles[type eq "work"].value',
        'roles[type eq "work"].display',
        f"{ENTERPRISE}:employeeNumber",
        f"{ENTERPRISE}:department",
        f"{ENTERPRISE}:costCenter",
        f"{ENTERPRISE}:organization",
        f"{ENTERPRISE}:division",
        f"{ENTERPRISE}:manager",
    ],
)
async def test_what_entra_maps_is_discoverable(http: Http, path: str) -> None:
    """Microsoft's gallery test flattens /Schemas by canonicalValues and looks each mapped attribute up in it."""
    found = await documents(http, "/Schemas")
    assert path.lower() in flattened(found[CORE]) | flattened(found[ENTERPRISE])


async def test_the_documents_are_those_that_requests_are_validated_with(http: Http, app: App) -> None:
    """One source: what is served is what each kind's schema was read from."""
    found = await documents(http, "/Schemas")
    for kind in app.kinds.values():
        for schema in (kind.type.schema, *kind.type.extensions):
            served = {name: item for name, item in found[schema.id].items() if name != "meta"}
            assert served == json.loads(json.dumps(schema.document))


@pytest.mark.parametrize("urn", [CORE, GROUP, ENTERPRISE, ENTERPRISE.upper()])
async def test_a_schema_is_found_by_its_urn(http: Http, urn: str) -> None:
    """Whatever its case; the document is the same as in the list."""
    answer = await http.request("GET", f"/Schemas/{urn}")
    assert answer.status == 200
    assert answer.body == (await documents(http, "/Schemas"))[answer.body["id"]]
    assert answer.body["id"].lower() == urn.lower()


@pytest.mark.parametrize(("path", "known"), [("/Schemas/urn:nobody", ENTERPRISE), ("/ResourceTypes/Device", "Group")])
async def test_an_unknown_document_is_not_found_and_the_known_ones_are_told(http: Http, path: str, known: str) -> None:
    """404 in SCIM's form."""
    answer = await http.request("GET", path)
    assert (answer.status, answer.body["status"]) == (404, "404")
    assert known in answer.body["detail"]


async def test_resource_types_say_where_resources_are(http: Http) -> None:
    """With endpoints relative to the Tenant URL, and extensions of which none is required. RFC 7643 §6."""
    answer = await http.request("GET", "/ResourceTypes")
    assert (answer.body["schemas"], answer.body["totalResults"]) == ([LIST_RESPONSE], 2)
    user, group = answer.body["Resources"]
    assert (user["name"], user["endpoint"], user["schema"]) == ("User", "/Users", CORE)
    assert user["schemaExtensions"] == [{"schema": ENTERPRISE, "required": False}]
    assert (group["name"], group["endpoint"], group["schema"]) == ("Group", "/Groups", GROUP)
    assert group["schemaExtensions"] == []
    assert user["meta"] == {"resourceType": "ResourceType", "location": f"{BASE_URL}/ResourceTypes/User"}
    assert not nulls(answer.body)
    assert (await http.request("GET", "/ResourceTypes/user")).body == user


async def test_the_configuration_advertises_what_there_is(http: Http) -> None:
    """With the limits that are in force, cursor paging among them. RFC 7643 §5, RFC 9865 §4."""
    answer = await http.request("GET", "/ServiceProviderConfig")
    config = answer.body
    assert config["schemas"] == ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"]
    assert config["patch"] == config["sort"] == config["etag"] == {"supported": True}
    assert config["changePassword"] == {"supported": False}
    assert config["bulk"] == {"supported": True, "maxOperations": MAX_OPERATIONS, "maxPayloadSize": MANY.length}
    assert config["filter"] == {"supported": True, "maxResults": MAX_COUNT}
    assert config["pagination"] == {
        "cursor": True,
        "index": True,
        "defaultPaginationMethod": "index",
        "defaultPageSize": DEFAULT_COUNT,
        "maxPageSize": MAX_COUNT,
    }
    scheme, oauth = config["authenticationSchemes"]
    assert oauth["type"] == "oauth2"
    assert (scheme["type"], scheme["primary"]) == ("oauthbearertoken", True)
    assert {"name", "description"} <= set(scheme)
    assert config["meta"]["location"] == f"{BASE_URL}/ServiceProviderConfig"
    assert not nulls(config)


@pytest.mark.parametrize(
    "path", ["/Schemas", f"/Schemas/{CORE}", "/ResourceTypes", "/ResourceTypes/User", "/ServiceProviderConfig"]
)
async def test_discovery_takes_no_filter_and_ignores_other_parameters(http: Http, path: str) -> None:
    """403 for a filter; paging, sorting and attributes are ignored. RFC 7644 §4."""
    refused = await http.request("GET", f"{path}?filter=name+eq+%22User%22")
    assert (refused.status, refused.body["status"]) == (403, "403")
    plain = await http.request("GET", path)
    assert await http.request("GET", f"{path}?count=0&startIndex=9&attributes=id&sortBy=id&x=y") == plain


async def test_addresses_are_those_of_the_setting_where_there_is_one(rows: Rows, clock: Clock) -> None:
    """Behind a gateway a request shows another host than the one that clients use."""
    app = make_app(rows, clock, base_url="https://public.example/scim/v2/")
    http = Http(app)
    user = await http.user("mira")
    assert user["meta"]["location"] == f"https://public.example/scim/v2/Users/{user['id']}"
    config = (await http.request("GET", "/ServiceProviderConfig")).body
    assert config["meta"]["location"] == "https://public.example/scim/v2/ServiceProviderConfig"


async def test_an_extension_is_discovered_like_the_rest(rows: Rows, clock: Clock) -> None:
    """As one more schema, and as an extension of the resource type that its URN ends in."""
    http = Http(make_app(rows, clock, schemas=EXTENSIONS))
    document = json.loads((EXTENSIONS / "contoso_user.json").read_text())
    served = (await documents(http, "/Schemas"))[CONTOSO]
    assert {name: item for name, item in served.items() if name != "meta"} == document
    types = await documents(http, "/ResourceTypes")
    assert [each["schema"] for each in types["User"]["schemaExtensions"]] == [ENTERPRISE, CONTOSO]
    assert types["Group"]["schemaExtensions"] == []


async def test_conformance_to_the_interoperability_profile_is_not_claimed(http: Http) -> None:
    """The draft asks to refuse what Entra and Okta send (docs/conformance.md); who does not says nothing of it."""
    config = (await http.request("GET", "/ServiceProviderConfig")).body
    assert not config.get("interopProfileConformant")
