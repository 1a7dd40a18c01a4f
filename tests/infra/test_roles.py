"""Who may do what: every role assignment of the template, and that it is there before it is needed."""

from typing import Any

import pytest

from tests.infra.bicep import FILES, Declaration, dotted, modules, resources, source, variables

ROLES = "modules/roles.bicep"

# Ids are the same in every Azure tenant.
ROLE_IDS = {
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "keyVaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
    "keyVaultSecretsOfficer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}

APP = "identity.properties.principalId"
ASSIGNMENTS = {
    "appOwnsHostBlobs": (APP, "hostAccount", "storageBlobDataOwner"),
    "appWritesHostTables": (APP, "hostAccount", "storageTableDataContributor"),
    "appWritesDirectory": (APP, "dataAccount", "storageTableDataContributor"),
    "appReadsToken": (APP, "vault", "keyVaultSecretsUser"),
    "appSendsTelemetry": (APP, "component", "monitoringMetricsPublisher"),
    "adminRotatesToken": ("adminPrincipalId", "vault", "keyVaultSecretsOfficer"),
}


def assignments() -> dict[str, Declaration]:
    """The role assignments of the module, by symbolic name."""
    found = resources(ROLES)
    return {name: item for name, item in found.items() if item.kind == "Microsoft.Authorization/roleAssignments"}


def role(item: Declaration) -> str:
    """The name of the role that an assignment gives."""
    definition = item.body["properties"]["roleDefinitionId"]["function"]
    assert definition["type"] == "subscription_resource_id"
    assert definition["parameters"]["resource_type"] == "Microsoft.Authorization/roleDefinitions"
    return dotted(definition["parameters"]["resource_name_1"]).removeprefix("roleIds.")


def test_role_ids() -> None:
    """Each name stands for the built-in role of that name."""
    assert variables(ROLES)["roleIds"] == ROLE_IDS


def test_exactly_these_roles_are_assigned() -> None:
    """Who, on what, which role: nothing is missing and nothing is wider."""
    found = {
        name: (dotted(item.body["properties"]["principalId"]), item.body["scope"], role(item))
        for name, item in assignments().items()
    }
    assert found == ASSIGNMENTS


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_names_are_made_from_scope_holder_and_role(name: str) -> None:
    """A second deployment finds the assignment of the first, and two assignments never share a name."""
    principal, scope, role_name = ASSIGNMENTS[name]
    holder = "identity.id" if principal == APP else principal
    parts: dict[str, Any] = assignments()[name].body["name"]["function"]["parameters"]
    assert [dotted(part) for part in parts.values()] == [f"{scope}.id", holder, f"roleIds.{role_name}"]


def test_the_kind_of_principal_is_told_where_it_is_known() -> None:
    """Azure then does not look for an identity that has not spread through Entra yet; a wrong kind it refuses."""
    kinds = {name: item.body["properties"].get("principalType") for name, item in assignments().items()}
    assert {name: kind for name, kind in kinds.items() if kind != "ServicePrincipal"} == {"adminRotatesToken": None}


def test_roles_are_assigned_in_one_place() -> None:
    """Whoever reviews the rights reads one file."""
    assert [file for file in FILES if "roleAssignments" in source(file)] == [ROLES]


def test_roles_wait_for_what_they_are_about() -> None:
    """The resources that roles.bicep takes as existing are there when it runs."""
    assert set(modules()["roles"].body["dependsOn"]) == {"identity", "monitoring", "storage", "keyVault"}


@pytest.mark.parametrize("app", ["flexApp", "premiumApp"])
def test_the_app_starts_with_its_roles(app: str) -> None:
    """The host reads its storage at once, so roles and private endpoints come first."""
    assert set(modules()[app].body["dependsOn"]) == {"roles", "privateEndpoints"}


def test_the_package_waits_for_everything_it_touches() -> None:
    """A package pushed before the roles is refused with 403."""
    package = modules()["package"].body
    assert {"roles", "storage", "keyVault", "flexApp", "privateEndpoints"} == set(package["dependsOn"])


def test_the_deployer_reads_the_token() -> None:
    """Whoever deploys without naming an administrator is the administrator."""
    params = modules()["roles"].body["params"]
    choice = params["adminPrincipalId"]["operator"]["operands"]
    assert choice["condition"] == {"function": {"type": "empty", "parameters": {"item_to_test": "adminPrincipalId"}}}
    assert choice["true_value"]["operator"]["operands"]["operand_1"] == {
        "function": {"type": "deployer", "parameters": {}}
    }
