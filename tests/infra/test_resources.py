"""What each set of parameters makes in Azure, read from the snapshots: protected, named within limits, once each."""

import json
import re
from collections import Counter

import pytest

from scim.azure.hints import QUEUE
from tests.infra.template import SNAPSHOTS, Resource, app_settings, of_kind, parameters, resources, the

VERSIONS = {
    "Microsoft.Authorization/locks": "2020-05-01",
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    # 2026-01-01 is there; nothing of it is used, and the older one is in every region.
    "Microsoft.Insights/metricAlerts": "2018-03-01",
    # 2026-03-01 is there; the same.
    "Microsoft.Insights/scheduledQueryRules": "2023-12-01",
    "Microsoft.Insights/webtests": "2022-06-15",
    "Microsoft.Insights/workbooks": "2023-06-01",
    "Microsoft.KeyVault/vaults": "2025-05-01",
    "Microsoft.KeyVault/vaults/secrets": "2025-05-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2024-11-30",
    "Microsoft.Network/natGateways": "2025-05-01",
    "Microsoft.Network/privateDnsZones": "2024-06-01",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": "2024-06-01",
    "Microsoft.Network/privateEndpoints": "2025-05-01",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": "2025-05-01",
    "Microsoft.Network/publicIPAddresses": "2025-05-01",
    "Microsoft.Network/virtualNetworks": "2025-05-01",
    "Microsoft.OperationalInsights/workspaces": "2025-07-01",
    "Microsoft.Resources/resourceGroups": "2025-04-01",
    "Microsoft.Storage/storageAccounts": "2025-06-01",
    "Microsoft.Storage/storageAccounts/blobServices": "2025-06-01",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "2025-06-01",
    "Microsoft.Storage/storageAccounts/queueServices": "2025-06-01",
    "Microsoft.Storage/storageAccounts/queueServices/queues": "2025-06-01",
    "Microsoft.Storage/storageAccounts/tableServices": "2025-06-01",
    "Microsoft.Storage/storageAccounts/tableServices/tables": "2025-06-01",
    # 2025-03-01 is there; it renames how a network is joined, has nothing that is used here, and Microsoft's pages for
    # Flex Consumption still show this one.
    "Microsoft.Web/serverfarms": "2024-11-01",
    "Microsoft.Web/sites": "2024-11-01",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": "2024-11-01",
    "Microsoft.Web/sites/extensions": "2024-11-01",
}
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules; of the app's name the host
# tells apart only the first 32 characters.
LONGEST = {
    "Microsoft.Insights/actionGroups": 260,
    "Microsoft.Insights/components": 260,
    "Microsoft.Insights/scheduledQueryRules": 260,
    "Microsoft.KeyVault/vaults": 24,
    "Microsoft.ManagedIdentity/userAssignedIdentities": 128,
    "Microsoft.Network/natGateways": 80,
    "Microsoft.Network/privateEndpoints": 64,
    "Microsoft.Network/publicIPAddresses": 80,
    "Microsoft.Network/virtualNetworks": 64,
    "Microsoft.OperationalInsights/workspaces": 63,
    "Microsoft.Storage/storageAccounts": 24,
    "Microsoft.Web/serverfarms": 40,
    "Microsoft.Web/sites": 32,
}
ACCOUNTS = [(name, part) for name in SNAPSHOTS for part in ("host", "data")]


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_no_resource_is_made_twice(name: str) -> None:
    """Azure would refuse the second one, or let the last win."""
    assert [each for each, count in Counter(each.id for each in resources(name)).items() if count > 1] == []


def test_one_api_version_for_each_type() -> None:
    """Whoever takes another one reads here why this one was taken."""
    used = {(each.kind, each.version) for name in SNAPSHOTS for each in resources(name)}
    assert used == set(VERSIONS.items())


def test_the_longest_prefix_fits() -> None:
    """Storage and Key Vault take 24 characters; the suffix has the same length in every resource group."""
    assert the("premium", "Microsoft.Web/sites").name.startswith("func-abcdefghijk-")
    assert parameters()["namePrefix"]["maxLength"] == len("abcdefghijk")
    longer = len("abcdefghijk") - len("scim")
    for name in SNAPSHOTS:
        reserve = 0 if name == "premium" else longer
        for each in resources(name):
            assert len(each.name) + reserve <= LONGEST.get(each.kind, 1000), each.name


def test_only_group_and_prefix_name_the_resources() -> None:
    """Whatever way a deployment comes, with azd or without, it finds the endpoint that is there."""
    names = {
        name: the(name, "Microsoft.KeyVault/vaults").name for name in ("defaults", "azd", "isolated", "restricted")
    }
    assert len(set(names.values())) == 1


@pytest.mark.parametrize(("name", "part"), ACCOUNTS)
def test_storage_takes_entra_tokens_only(name: str, part: str) -> None:
    """No shared key, no anonymous reader, no plain HTTP, TLS 1.2."""
    account = the(name, "Microsoft.Storage/storageAccounts", part)
    assert {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "allowCrossTenantReplication": False,
        "defaultToOAuthAuthentication": True,
        "minimumTlsVersion": "TLS1_2",
        "supportsHttpsTrafficOnly": True,
    }.items() <= account.properties.items()


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_vault_is_protected(name: str) -> None:
    """Roles decide, and a deleted vault can be brought back; only azd's may be purged, since `azd down` does so."""
    vault = the(name, "Microsoft.KeyVault/vaults").properties
    assert vault["enableRbacAuthorization"] is True
    assert vault["softDeleteRetentionInDays"] == 90
    assert vault["enablePurgeProtection"] is (None if name == "azd" else True)


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_telemetry_needs_an_entra_token(name: str) -> None:
    """The connection string alone lets nobody write telemetry."""
    assert the(name, "Microsoft.Insights/components").properties["DisableLocalAuth"] is True


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_only_secret_is_in_the_vault(name: str) -> None:
    """No other resource holds a random value, a key or a password."""
    holders = [each.kind for each in resources(name) if re.search(r"newGuid|[Ll]istKeys|[Pp]assword", str(each.body))]
    assert set(holders) == {"Microsoft.KeyVault/vaults/secrets"}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_table_and_container_are_made(name: str) -> None:
    """The first request and the first deployment need not create anything."""
    table = the(name, "Microsoft.Storage/storageAccounts/tableServices/tables")
    assert table.name == app_settings(name)["SCIM_TENANT"]
    assert "/storageAccounts/" in table.id
    assert "data" in table.id.split("/storageAccounts/")[1].split("/")[0]
    container = the(name, "Microsoft.Storage/storageAccounts/blobServices/containers")
    assert container.properties == {"publicAccess": "None"}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_queues_are_made_where_the_app_may_send(name: str) -> None:
    """On the account of the directory, which the role names, and by the names that the code has; the host's account has
    none."""
    queues = of_kind(name, "Microsoft.Storage/storageAccounts/queueServices/queues")
    assert [each.name for each in queues] == [QUEUE, f"{QUEUE}-poison"]
    account = the(name, "Microsoft.Storage/storageAccounts", "data").name
    assert {each.id.split("/storageAccounts/")[1].split("/")[0] for each in queues} == {account}
    settings = app_settings(name)
    assert settings["SCIM_HINTS__queueServiceUri"].replace("queue", "table") == settings["SCIM_STORAGE"]


def test_without_isolation_there_is_no_network() -> None:
    """Nothing is paid for that was not asked for."""
    assert [each for each in resources("defaults") if each.kind.startswith("Microsoft.Network/")] == []


def test_isolation_closes_storage_and_vault() -> None:
    """The public side of both accounts and of the vault refuses strangers; a desk that is named may come in."""
    host = the("isolated", "Microsoft.Storage/storageAccounts", "host").properties
    assert host["publicNetworkAccess"] == "Disabled"
    for closed in (
        the("isolated", "Microsoft.Storage/storageAccounts", "data").properties,
        the("isolated", "Microsoft.KeyVault/vaults").properties,
    ):
        assert closed["networkAcls"]["defaultAction"] == "Deny"
        # Storage refuses a single address with a prefix length.
        assert [rule["value"] for rule in closed["networkAcls"]["ipRules"]] == ["203.0.113.7", "198.51.100.0/24"]


def connections() -> dict[str, str]:
    """What each private endpoint leads to: the name of the service, and the part of it."""
    found = {}
    for each in of_kind("isolated", "Microsoft.Network/privateEndpoints"):
        (connection,) = each.properties["privateLinkServiceConnections"]
        (group,) = connection["properties"]["groupIds"]
        found[each.name] = f"{connection['properties']['privateLinkServiceId'].rsplit('/', 1)[1]} {group}"
    return found


def test_what_the_app_calls_has_a_private_endpoint() -> None:
    """Blobs and tables of the host, tables and queues of the directory, and the vault."""
    kinds = sorted(re.sub(r"^(kv|\w+?(host|data)).* ", r"\1 ", each) for each in connections().values())
    assert kinds == ["kv vault", "scimdata queue", "scimdata table", "scimhost blob", "scimhost table"]


def test_each_private_endpoint_has_the_zone_of_its_service() -> None:
    """Without the zone the app would ask the public address, which refuses it."""
    groups = of_kind("isolated", "Microsoft.Network/privateEndpoints/privateDnsZoneGroups")
    zones = {each.id.split("/privateEndpoints/")[1].split("/")[0]: json.dumps(each.properties) for each in groups}
    assert zones.keys() == connections().keys()
    for endpoint, service in connections().items():
        assert f"privatelink.{service.split()[1]}" in zones[endpoint]


def test_each_zone_is_linked_to_the_network() -> None:
    """The link is named after the vault: two endpoints in one group share the zones, and each links its own network."""
    links = of_kind("isolated", "Microsoft.Network/privateDnsZones/virtualNetworkLinks")
    network = the("isolated", "Microsoft.Network/virtualNetworks")
    assert len(links) == len(of_kind("isolated", "Microsoft.Network/privateDnsZones")) == 4
    assert {each.properties["virtualNetwork"]["id"] for each in links} == {network.id}
    assert all(the("isolated", "Microsoft.KeyVault/vaults").name in str(each.body["name"]) for each in links)


def test_the_way_out_is_named() -> None:
    """Whether a subnet has a way to the internet differs between API versions, so each says so itself."""
    subnets = the("isolated", "Microsoft.Network/virtualNetworks").properties["subnets"]
    assert {each["name"]: each["properties"]["defaultOutboundAccess"] for each in subnets} == {
        "app": False,
        "endpoints": False,
    }
    assert subnets[0]["properties"]["natGateway"]["id"] == the("isolated", "Microsoft.Network/natGateways").id


def rules(name: str) -> list[tuple[str, str]]:
    """Who may call the app."""
    found = the(name, "Microsoft.Web/sites").properties["siteConfig"]["ipSecurityRestrictions"]
    assert {each["action"] for each in found} <= {"Allow"}
    return [(each["tag"], each["ipAddress"]) for each in found]


def default_action(name: str) -> str:
    """What happens to everybody else."""
    return str(the(name, "Microsoft.Web/sites").properties["siteConfig"]["ipSecurityRestrictionsDefaultAction"])


def test_access_rules() -> None:
    """Entra by its service tag, the probe only where there is one, and own ranges beside them."""
    assert (rules("defaults"), default_action("defaults")) == ([], "Allow")
    assert default_action("restricted") == "Deny"
    assert rules("restricted") == [
        ("ServiceTag", "AzureActiveDirectory"),
        ("ServiceTag", "ApplicationInsightsAvailability"),
        ("Default", "203.0.113.7/32"),
        ("Default", "198.51.100.0/24"),
    ]


def test_the_lock_guards_the_directory() -> None:
    """The lock lies on the data account, which has no undelete."""
    lock = the("isolated", "Microsoft.Authorization/locks")
    assert lock.properties["level"] == "CanNotDelete"
    assert the("isolated", "Microsoft.Storage/storageAccounts", "data").id in lock.id


def tagged(name: str, tag: str) -> list[Resource]:
    """The resources that carry a tag."""
    return [each for each in resources(name) if tag in (each.body.get("tags") or {})]


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_azd_finds_one_app(name: str) -> None:
    """Before 1.23.4 it refuses a service whose tag two resources have, so the plan has none."""
    assert [each.kind for each in tagged(name, "azd-service-name")] == ["Microsoft.Web/sites"]


def test_azd_finds_its_group() -> None:
    """`azd down` deletes what carries the name of the environment."""
    assert the("azd", "Microsoft.Resources/resourceGroups") in tagged("azd", "azd-env-name")


def test_own_tags_are_on_everything_that_takes_tags() -> None:
    """Whoever has to account for costs finds every resource."""
    untagged = [
        each.kind
        for each in resources("restricted")
        if "tags" in each.body and "costCenter" not in str(each.body["tags"])
    ]
    assert untagged == []
