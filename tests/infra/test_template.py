"""What main.bicep and its modules promise: documented parameters, protected storage and vault, no secret outside."""

import json
import re
import tomllib
from typing import Any

import pytest

from tests.infra.bicep import (
    FILES,
    INFRA,
    MODULES,
    ROOT,
    Declaration,
    dotted,
    leaves,
    modules,
    outputs,
    parameters,
    resources,
    source,
    variables,
)

SETTINGS_PAGE = ROOT / "docs" / "settings.md"

VERSIONS = {
    "Microsoft.Authorization/locks": "2020-05-01",
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Insights/metricAlerts": "2018-03-01",
    "Microsoft.Insights/scheduledQueryRules": "2023-12-01",
    "Microsoft.Insights/webtests": "2022-06-15",
    "Microsoft.KeyVault/vaults": "2025-05-01",
    "Microsoft.KeyVault/vaults/secrets": "2025-05-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2024-11-30",
    "Microsoft.Network/privateDnsZones": "2024-06-01",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": "2024-06-01",
    "Microsoft.Network/privateEndpoints": "2025-05-01",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": "2025-05-01",
    "Microsoft.Network/virtualNetworks": "2025-05-01",
    "Microsoft.OperationalInsights/workspaces": "2025-07-01",
    "Microsoft.Storage/storageAccounts": "2025-06-01",
    "Microsoft.Storage/storageAccounts/blobServices": "2025-06-01",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "2025-06-01",
    "Microsoft.Storage/storageAccounts/tableServices": "2025-06-01",
    "Microsoft.Storage/storageAccounts/tableServices/tables": "2025-06-01",
    "Microsoft.Web/serverfarms": "2024-11-01",
    "Microsoft.Web/sites": "2024-11-01",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": "2024-11-01",
    "Microsoft.Web/sites/extensions": "2024-11-01",
}

APP_SETTINGS = {
    "AzureWebJobsStorage__accountName": "hostAccountName",
    "AzureWebJobsStorage__credential": "managedidentity",
    "AzureWebJobsStorage__clientId": "identity.outputs.clientId",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "monitoring.outputs.connectionString",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "ClientId=${identity.outputs.clientId};Authorization=AAD",
    "AZURE_CLIENT_ID": "identity.outputs.clientId",
    "SCIM_STORAGE": "storage.outputs.tableEndpoint",
    "SCIM_KEY_VAULT": "keyVault.outputs.uri",
    "SCIM_TENANT": "scimTenant",
    "SCIM_CHANGE_RETENTION_DAYS": None,
}


def app_settings() -> dict[str, Any]:
    """The app settings that both plans get, by name."""
    return {setting["name"]: setting["value"] for setting in variables("main.bicep")["appSettings"]}


@pytest.mark.parametrize("file", FILES)
def test_each_parameter_and_output_is_described(file: str) -> None:
    """Whoever fills in a parameter or reads an output finds a sentence about it."""
    declared = [*parameters(file).values(), *outputs(file).values()]
    assert [item.name for item in declared if not item.decorators.get("description")] == []


@pytest.mark.parametrize("file", FILES)
def test_each_number_has_limits(file: str) -> None:
    """A figure that no plan or service takes is refused before anything is made."""
    numbers = [item for item in parameters(file).values() if item.kind == "int"]
    assert [item.name for item in numbers if not {"min_value", "allowed"} & item.decorators.keys()] == []


def test_each_choice_in_main_is_one_of_a_list() -> None:
    """Plans, replication, memory and Python cannot be misspelt."""
    choices = {name for name, item in parameters("main.bicep").items() if "allowed" in item.decorators}
    assert choices == {"hostingPlan", "pythonVersion", "instanceMemoryMB", "storageSku"}


def test_every_parameter_of_main_has_a_default() -> None:
    """The button needs no answer to be complete."""
    assert [name for name, item in parameters("main.bicep").items() if item.body is None] == []


@pytest.mark.parametrize(
    ("name", "default"),
    [("hostingPlan", "FC1"), ("pythonVersion", "3.13"), ("scimTenant", "scim"), ("changeRetentionDays", 90)],
)
def test_defaults(name: str, default: object) -> None:
    """Without an answer: Flex Consumption, the Python of the package, and the defaults of the product."""
    assert parameters("main.bicep")[name].body == default


def test_each_module_is_local_and_used() -> None:
    """Nothing is fetched from a registry, and no module lies around unused."""
    assert {module.kind for module in modules().values()} == {f"modules/{name}.bicep" for name in MODULES}


@pytest.mark.parametrize("module", modules().values(), ids=modules().keys())
def test_modules_get_the_parameters_they_have(module: Declaration) -> None:
    """Each parameter passed exists in the module, and each one without a default is passed."""
    declared = parameters(module.kind)
    passed = set(module.body["params"])
    assert passed <= declared.keys()
    assert {name for name, item in declared.items() if item.body is None} <= passed


def test_one_api_version_for_each_type() -> None:
    """The versions are those whose properties were checked against the published schemas."""
    used = {(item.kind, item.version) for file in FILES for item in resources(file).values()}
    assert used == set(VERSIONS.items())


@pytest.mark.parametrize("file", FILES)
def test_no_output_holds_a_secret(file: str) -> None:
    """Outputs stay in the deployment history for everybody who may read the resource group."""
    secure = {name for name, item in parameters(file).items() if "secure" in item.decorators}
    forbidden = secure | {"listKeys", "listSecrets", "listAccountSas", "getSecret"}
    words = {word for item in outputs(file).values() for leaf in leaves(item.body) for word in words_of(leaf)}
    assert words & forbidden == set()
    assert not any("tokenSecret.properties" in dotted(item.body) for item in outputs(file).values())


def words_of(leaf: object) -> list[str]:
    """The names in a text, interpolated ones included."""
    return re.findall(r"\w+", str(leaf))


@pytest.mark.parametrize("file", FILES)
def test_no_key_is_ever_asked_for(file: str) -> None:
    """Nothing reads an account key or a connection string with one."""
    assert re.findall(r"listKeys|AccountKey|SharedAccessSignature|listAccountSas", source(file)) == []


def test_the_token_is_random_and_secure_on_its_way() -> None:
    """Two random ids make the token, and every parameter it passes is secure."""
    main = parameters("main.bicep")
    for name in ("tokenSeedA", "tokenSeedB"):
        assert "secure" in main[name].decorators
        assert main[name].body == {"function": {"type": "new_guid"}}
    assert "secure" in parameters("modules/key-vault.bicep")["token"].decorators
    assert {"tokenSeedA", "tokenSeedB"} <= set(words_of(modules()["keyVault"].body["params"]["token"]))


def test_the_token_is_written_once() -> None:
    """A second deployment must not replace the token that Entra holds."""
    secret = resources("modules/key-vault.bicep")["tokenSecret"]
    assert "onlyIfNotExists" in secret.decorators
    assert secret.body["parent"] == "vault"
    assert secret.body["name"] == "scim-token"
    assert secret.body["properties"]["value"] == "token"
    only_once = [
        item.name for file in FILES for item in resources(file).values() if "onlyIfNotExists" in item.decorators
    ]
    assert only_once == ["tokenSecret"]


@pytest.mark.parametrize("account", ["hostAccount", "dataAccount"])
def test_storage_takes_entra_tokens_only(account: str) -> None:
    """No shared key, no anonymous reader, no plain HTTP."""
    body = resources("modules/storage.bicep")[account].body
    assert body["kind"] == "StorageV2"
    assert {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "allowCrossTenantReplication": False,
        "defaultToOAuthAuthentication": True,
        "minimumTlsVersion": "TLS1_2",
        "supportsHttpsTrafficOnly": True,
    }.items() <= body["properties"].items()


def test_table_and_container_are_made() -> None:
    """The first request and the first deployment need not create anything."""
    storage = resources("modules/storage.bicep")
    assert storage["directoryTable"].body == {"parent": "dataTables", "name": "tableName"}
    assert storage["dataTables"].body == {"parent": "dataAccount", "name": "default"}
    assert storage["packageContainer"].body["parent"] == "hostBlobs"
    assert storage["packageContainer"].body["properties"] == {"publicAccess": "None"}
    assert storage["hostBlobs"].body["parent"] == "hostAccount"
    assert modules()["storage"].body["params"]["tableName"] == app_settings()["SCIM_TENANT"] == "scimTenant"


def test_the_vault_is_protected() -> None:
    """Roles decide, and a deleted vault can be brought back."""
    properties = resources("modules/key-vault.bicep")["vault"].body["properties"]
    assert properties["enableRbacAuthorization"] is True
    assert properties["softDeleteRetentionInDays"] == 90
    assert properties["enablePurgeProtection"]["operator"]["operands"] == {
        "condition": "enablePurgeProtection",
        "true_value": True,
        "false_value": None,
    }
    assert parameters("main.bicep")["enablePurgeProtection"].body is True


def test_telemetry_needs_an_entra_token() -> None:
    """The connection string alone lets nobody write telemetry."""
    properties = resources("modules/monitoring.bicep")["component"].body["properties"]
    assert properties["DisableLocalAuth"] is True
    assert properties["WorkspaceResourceId"]


def test_app_settings() -> None:
    """The app gets what it reads, by identity, and nothing that would shadow it."""
    settings = app_settings()
    assert settings.keys() == APP_SETTINGS.keys()
    assert {name: dotted(settings[name]) for name, value in APP_SETTINGS.items() if value} == {
        name: value for name, value in APP_SETTINGS.items() if value
    }


@pytest.mark.parametrize("app", ["flexApp", "premiumApp"])
def test_own_app_settings_join_those_of_the_template(app: str) -> None:
    """An optional setting given to the deployment survives the next one."""
    joined = modules()[app].body["params"]["appSettings"]["function"]
    assert joined == {"type": "concat", "parameters": {"arg_1": "appSettings", "arg_2": "additionalAppSettings"}}
    assert parameters("main.bicep")["additionalAppSettings"].body == []


@pytest.mark.skipif(not SETTINGS_PAGE.exists(), reason="docs/settings.md is not written yet")
@pytest.mark.parametrize("name", APP_SETTINGS)
def test_app_settings_are_documented(name: str) -> None:
    """An administrator who finds a setting in the portal finds it in the documentation."""
    assert name in SETTINGS_PAGE.read_text(encoding="utf-8")


def test_outputs() -> None:
    """The administrator learns the Tenant URL, how to see the token, and where to look when it does not work."""
    found = outputs("main.bicep")
    assert found.keys() == {
        "TENANT_URL",
        "GET_TOKEN_COMMAND",
        "HEALTH_URL",
        "KEY_VAULT_NAME",
        "TOKEN_SECRET_NAME",
        "FUNCTION_APP_NAME",
        "DATA_STORAGE_ACCOUNT",
        "AZURE_LOCATION",
        "AZURE_TENANT_ID",
    }
    assert found["TENANT_URL"].body == "https://${hostName}/scim/v2"
    assert variables("main.bicep")["healthUrl"] == "https://${hostName}/health"
    assert found["GET_TOKEN_COMMAND"].body.startswith("az keyvault secret show --vault-name ${vaultName} ")


@pytest.mark.parametrize(
    ("name", "limit"), [("hostAccountName", 24), ("dataAccountName", 24), ("vaultName", 24), ("functionAppName", 32)]
)
def test_the_longest_prefix_fits(name: str, limit: int) -> None:
    """Storage and Key Vault take 24 characters; of the app's name the host tells apart only 32."""
    names = variables("main.bicep")
    prefix = parameters("main.bicep")["namePrefix"].decorators["max_length"] * "p"
    suffix = names["suffix"]["function"]["parameters"]["number_to_take"] * "s"
    text = names[name].replace("${stem}", names["stem"]).replace("${namePrefix}", prefix).replace("${suffix}", suffix)
    assert "$" not in text
    assert len(text) <= limit


def test_access_rules() -> None:
    """Entra by its service tag, own ranges beside it, probes only when there is a probe."""
    main = variables("main.bicep")
    assert [(rule["tag"], rule["ipAddress"]) for rule in main["entraRules"]] == [("ServiceTag", "AzureActiveDirectory")]
    assert [(rule["tag"], rule["ipAddress"]) for rule in main["probeRules"]] == [
        ("ServiceTag", "ApplicationInsightsAvailability")
    ]
    assert main["cidrRules"]["ipAddress"] == "cidr"
    assert {rule["action"] for rule in (*main["entraRules"], *main["probeRules"], main["cidrRules"])} == {"Allow"}
    for app in ("flexApp", "premiumApp"):
        assert modules()[app].body["params"]["ipRules"] == "ipRules"


def test_isolation_closes_storage_and_vault() -> None:
    """With private endpoints, the public side of both accounts and of the vault refuses strangers."""
    for file, name in (
        ("modules/storage.bicep", "hostAccount"),
        ("modules/storage.bicep", "dataAccount"),
        ("modules/key-vault.bicep", "vault"),
    ):
        rule = resources(file)[name].body["properties"]["networkAcls"]["defaultAction"]["operator"]["operands"]
        assert rule == {"condition": "isolated", "true_value": "Deny", "false_value": "Allow"}
    for module in ("storage", "keyVault"):
        assert modules()[module].body["params"]["isolated"] == "networkIsolation"
    for module in ("network", "privateEndpoints"):
        assert modules()[module].condition == "networkIsolation"


def test_a_single_address_may_have_its_prefix_length() -> None:
    """Key Vault takes 203.0.113.7/32, Storage only 203.0.113.7: one list serves both."""
    value = variables("modules/storage.bicep")["adminRules"]["value"]["function"]
    assert value["type"] == "replace"
    assert list(value["parameters"].values()) == ["cidr", "/32", ""]


def test_what_may_not_exist_is_asked_behind_its_condition() -> None:
    """Azure may read the outputs of a module that is not deployed, even for another that is not deployed either."""
    asking = [line.strip() for line in source("main.bicep").splitlines() if "!.outputs." in line]
    assert asking
    assert [line for line in asking if not re.search(r"(networkIsolation|isFlex) \? \w+!\.outputs\.", line)] == []


def test_endpoints_of_one_account_are_made_one_after_the_other() -> None:
    """A storage account refuses a second private endpoint while it takes the first."""
    assert resources("modules/private-endpoints.bicep")["privateEndpoints"].decorators["batchSize"] == 1


def test_two_endpoints_of_one_group_link_a_network_each() -> None:
    """They share the DNS zones, so the name of a link must tell them apart: a link never changes its network."""
    assert resources("modules/private-endpoints.bicep")["zoneLinks"].body["name"] == "link-${vaultName}"


def test_private_endpoints() -> None:
    """Blobs and tables of the host, tables of the directory and the vault, each with its DNS zone."""
    endpoints = variables("modules/private-endpoints.bicep")["endpoints"]
    assert [(dotted(item["service"]), item["group"], item["zone"]) for item in endpoints] == [
        ("hostAccount.id", "blob", 0),
        ("hostAccount.id", "table", 1),
        ("dataAccount.id", "table", 1),
        ("vault.id", "vault", 2),
    ]
    zones = variables("modules/private-endpoints.bicep")["zoneNames"]
    assert [next(kind for kind in ("blob", "table", "vault") if kind in str(zone)) for zone in zones] == [
        "blob",
        "table",
        "vault",
    ]


def test_alerts() -> None:
    """Errors, refused tokens, slowness, throttling and silence each have a rule, if somebody is there to read it."""
    rules = variables("modules/alerts.bicep")["rules"]
    assert {rule["name"]: (rule["severity"], rule["window"]) for rule in rules} == {
        "server-errors": (1, "PT5M"),
        "refused-tokens": (2, "PT5M"),
        "slow-answers": (3, "PT15M"),
        "throttled": (3, "PT15M"),
        "silence": (2, "P1D"),
    }
    assert modules()["alerts"].condition == "hasAlerts"
    condition = resources("modules/alerts.bicep")["queryRules"].body["properties"]["criteria"]["allOf"][0]
    assert (condition["timeAggregation"], condition["operator"], condition["threshold"]) == ("Count", "GreaterThan", 0)


@pytest.mark.parametrize(
    ("file", "name", "switch"),
    [
        ("modules/alerts.bicep", "availabilityTest", "enableAvailabilityTest"),
        ("modules/alerts.bicep", "unavailable", "enableAvailabilityTest"),
        ("modules/storage.bicep", "lock", "enableResourceLock"),
        ("modules/storage.bicep", "tableLogs", "logTableWrites"),
    ],
)
def test_what_costs_or_hinders_is_off_by_default(file: str, name: str, switch: str) -> None:
    """Probe, lock and table logs exist only when asked for."""
    assert resources(file)[name].condition == switch
    assert parameters("main.bicep")[switch].body is False


def test_the_lock_guards_the_directory() -> None:
    """The lock lies on the data account, which has no undelete."""
    lock = resources("modules/storage.bicep")["lock"].body
    assert (lock["scope"], lock["properties"]["level"]) == ("dataAccount", "CanNotDelete")


def test_parameter_file_names_parameters_of_the_template() -> None:
    """`az` and azd pass only what the template knows, and never the token."""
    text = source("main.bicepparam")
    assert text.startswith("using 'main.bicep'\n")
    named = set(re.findall(r"^param (\w+) =", text, re.M))
    assert named <= parameters("main.bicep").keys() - {"tokenSeedA", "tokenSeedB"}
    assert "param deployPackage = empty(readEnvironmentVariable('AZURE_ENV_NAME', ''))" in text


def test_the_template_installs_the_version_in_pyproject() -> None:
    """Template and package of one version belong together."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert parameters("main.bicep")["releaseTag"].body == f"v{project['version']}"


def test_the_repository_is_named_in_one_place() -> None:
    """Whoever publishes a copy changes one default."""
    lines = [line for file in FILES for line in source(file).splitlines() if "github.com/" in line or "OWNER" in line]
    assert len(lines) == 2
    assert lines[0].startswith("param repository string = ")
    assert lines[1].startswith("param packageUri string = 'https://github.com/${repository}/")


def test_linter_rules_are_errors() -> None:
    """A finding of the compiler's linter stops the build; only the age of API versions is our own business."""
    rules = json.loads(source("bicepconfig.json"))["analyzers"]["core"]["rules"]
    off = {name for name, rule in rules.items() if rule["level"] != "error"}
    assert off == {"use-recent-api-versions"}


def test_compiled_template_belongs_to_the_bicep() -> None:
    """The button deploys azuredeploy.json, so it must have the parameters and outputs of main.bicep."""
    compiled = INFRA / "azuredeploy.json"
    if not compiled.exists():
        pytest.skip("infra/azuredeploy.json comes from the Bicep compiler only, which has not run yet")
    template = json.loads(compiled.read_text(encoding="utf-8"))
    assert template["metadata"]["_generator"]["name"] == "bicep"
    assert template["languageVersion"] == "2.0"
    assert template["parameters"].keys() == parameters("main.bicep").keys()
    assert template["outputs"].keys() == outputs("main.bicep").keys()
    assert set(modules()) <= template["resources"].keys()
