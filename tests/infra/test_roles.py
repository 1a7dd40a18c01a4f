"""Who may do what: every role assignment of the template, and that it is there before it is needed."""

import pytest

from tests.infra.template import FILES, SNAPSHOTS, compiled, of_kind, source
from tools import roles

APP = {
    ("the app", "Storage Blob Data Owner", "host storage account"),
    ("the app", "Storage Table Data Contributor", "host storage account"),
    ("the app", "Storage Table Data Contributor", "data storage account"),
    ("the app", "Storage Queue Data Contributor", "data storage account"),
    ("the app", "Key Vault Secrets User", "key vault"),
    ("the app", "Monitoring Metrics Publisher", "logs"),
}
PEOPLE = {
    ("`adminPrincipalId`, else whoever deploys", "Key Vault Secrets Officer", "key vault"),
    ("each of `dataReaderPrincipalIds`", "Storage Table Data Reader", "data storage account"),
    ("`dataAdminPrincipalId`", "Storage Table Data Contributor", "data storage account"),
}
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"


def test_exactly_these_roles_are_assigned() -> None:
    """Who, which role, on what: nothing is missing and nothing is wider."""
    assert {each[:3] for each in roles.assignments()} == APP | PEOPLE


def test_the_page_has_the_table_of_today() -> None:
    """Whoever reviews the rights reads them in the documentation; `make template` writes it."""
    assert roles.written() == roles.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_nobody_else_gets_a_role_unasked(name: str) -> None:
    """The app's six, and the deployer's one to read the token; people are named by who deploys."""
    assert len(of_kind(name, ASSIGNMENT)) == len(APP) + (4 if name == "isolated" else 1)


def test_the_deployer_reads_the_token() -> None:
    """Whoever deploys without naming an administrator is the administrator."""
    (deployer,) = [each for each in of_kind("defaults", ASSIGNMENT) if "deployer()" in each.properties["principalId"]]
    assert deployer.properties["roleDefinitionId"].endswith("b86a8fe4-44ce-4948-aee5-eccb2c155cd7")


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_each_role_is_on_one_resource(name: str) -> None:
    """Never on the resource group or the subscription."""
    assert all(each.id.count("/providers/") == 2 for each in of_kind(name, ASSIGNMENT))


def test_the_kind_of_principal_is_told_where_it_is_known() -> None:
    """Azure then does not look for an identity that has not spread through Entra yet; a wrong kind it refuses."""
    for each in of_kind("isolated", ASSIGNMENT):
        is_app = "userAssignedIdentities" in each.properties["principalId"]
        assert each.properties.get("principalType") == ("ServicePrincipal" if is_app else None)


def test_roles_are_assigned_in_one_place() -> None:
    """Whoever reviews the rights reads one file."""
    assert [file for file in FILES if "roleAssignments" in source(file)] == ["modules/roles.bicep"]


@pytest.mark.parametrize(
    ("module", "earlier"),
    [
        ("roles", {"identity", "monitoring", "storage", "keyVault"}),
        ("flexApp", {"roles", "privateEndpoints"}),
        ("premiumApp", {"roles", "privateEndpoints"}),
        ("code", {"flexApp", "roles", "storage", "keyVault", "privateEndpoints"}),
        ("privateEndpoints", {"network", "storage", "keyVault"}),
    ],
)
def test_what_is_needed_is_there_first(module: str, earlier: set[str]) -> None:
    """A package pushed before the roles is refused with 403; an app without them does not start."""
    assert earlier <= set(compiled()["resources"][module]["dependsOn"])
