"""What Flex Consumption refuses is not there, what it needs is; and Elastic Premium keeps to its own file."""

import json
import re
from typing import Any

import pytest

from tests.infra.bicep import FILES, dotted, leaves, modules, outputs, parameters, resources, source, variables

FLEX = "modules/function-app.bicep"
PREMIUM = "modules/function-app-premium.bicep"

# Azure answers 400 to these, in some regions at least (Azure/azure-cli#31414, Azure/azure-functions-host#10643).
REFUSED_SITE_CONFIG = {
    "alwaysOn",
    "ftpsState",
    "functionAppScaleLimit",
    "functionsRuntimeScaleMonitoringEnabled",
    "linuxFxVersion",
    "minimumElasticInstanceCount",
    "netFrameworkVersion",
    "preWarmedInstanceCount",
    "use32BitWorkerProcess",
    "windowsFxVersion",
}
REFUSED_SETTINGS = {
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "TZ",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_TIME_ZONE",
}
# What the plan is known to take.
TAKEN_SITE_CONFIG = {
    "appSettings",
    "http20Enabled",
    "ipSecurityRestrictions",
    "ipSecurityRestrictionsDefaultAction",
    "minTlsVersion",
    "scmMinTlsVersion",
}


def site(file: str) -> dict[str, Any]:
    """Properties of the function app in one file."""
    merged = resources(file)["site"].body["properties"]["function"]
    assert merged == {"type": "union", "parameters": {"arg_1": "siteProperties", "arg_2": "network"}}
    properties: dict[str, Any] = variables(file)["siteProperties"]
    return properties


def test_site_config_has_nothing_that_the_plan_refuses() -> None:
    """One refused property fails the whole deployment, with an error that does not name it."""
    assert site(FLEX)["siteConfig"].keys() == TAKEN_SITE_CONFIG
    assert not TAKEN_SITE_CONFIG & REFUSED_SITE_CONFIG


@pytest.mark.parametrize("file", [file for file in FILES if file != PREMIUM])
def test_nothing_refused_is_named_outside_the_premium_file(file: str) -> None:
    """Neither a property nor an app setting that Flex Consumption refuses reaches its app."""
    words = {word for leaf in leaves([resources_of(file), variables(file)]) for word in re.findall(r"\w+", str(leaf))}
    assert words & (REFUSED_SITE_CONFIG | REFUSED_SETTINGS) == set()


def resources_of(file: str) -> list[Any]:
    """Bodies of all resources of a file."""
    return [item.body for item in resources(file).values()]


def test_no_plain_host_connection() -> None:
    """AzureWebJobsStorage itself would win over the identity form and needs a key."""
    assert "AzureWebJobsStorage" not in {item["name"] for item in variables("main.bicep")["appSettings"]}


def test_runtime_and_scale_are_in_function_app_config() -> None:
    """The plan takes runtime, memory, concurrency and warm instances nowhere else."""
    config = site(FLEX)["functionAppConfig"]
    assert config["runtime"] == {"name": "python", "version": "pythonVersion"}
    scale = config["scaleAndConcurrency"]
    assert scale["instanceMemoryMB"] == "instanceMemoryMB"
    assert scale["maximumInstanceCount"] == "maximumInstanceCount"
    assert scale["triggers"] == {"http": {"perInstanceConcurrency": "httpPerInstanceConcurrency"}}
    assert [item["name"] for item in variables(FLEX)["alwaysReady"]] == ["http"]


def test_the_package_container_is_read_by_identity() -> None:
    """No connection string opens the container of the package."""
    storage = site(FLEX)["functionAppConfig"]["deployment"]["storage"]
    assert storage == {
        "type": "blobContainer",
        "value": "packageContainerUrl",
        "authentication": {"type": "UserAssignedIdentity", "userAssignedIdentityResourceId": "identityId"},
    }


def test_plan() -> None:
    """One Linux plan of kind FC1 for one app: the plan takes no second one."""
    plan = resources(FLEX)["plan"].body
    assert plan["sku"] == {"name": "FC1", "tier": "FlexConsumption"}
    assert plan["kind"] == "functionapp"
    assert plan["properties"] == {"reserved": True, "zoneRedundant": "zoneRedundant"}
    assert [name for name, item in resources(FLEX).items() if item.kind == "Microsoft.Web/sites"] == ["site"]


@pytest.mark.parametrize("file", [FLEX, PREMIUM])
def test_the_app_is_public_https_with_one_identity(file: str) -> None:
    """Entra calls from the internet; passwords for deployment and FTP are off."""
    app = resources(file)["site"].body
    assert app["kind"] == "functionapp,linux"
    assert app["identity"]["type"] == "UserAssigned"
    assert site(file)["httpsOnly"] is True
    assert site(file)["clientAffinityEnabled"] is False
    assert site(file)["publicNetworkAccess"] == "Enabled"
    for name in ("ftp", "scm"):
        policy = resources(file)[f"{name}Passwords"].body
        assert policy == {"parent": "site", "name": name, "properties": {"allow": False}}


@pytest.mark.parametrize("file", [FLEX, PREMIUM])
def test_no_network_is_no_subnet(file: str) -> None:
    """An empty id is not the id of a subnet: Azure checks it before it looks at the app."""
    network = variables(file)["network"]["operator"]["operands"]
    assert (network["true_value"], network["false_value"]) == ({}, {"virtualNetworkSubnetId": "subnetId"})
    assert "virtualNetworkSubnetId" not in site(file)


def test_limits_are_those_of_the_plan() -> None:
    """40 to 1000 instances of 512, 2048 or 4096 MB."""
    for file in ("main.bicep", FLEX):
        declared = parameters(file)
        assert declared["instanceMemoryMB"].decorators["allowed"] == [512, 2048, 4096]
        assert declared["maximumInstanceCount"].decorators["min_value"] == 40
        assert declared["maximumInstanceCount"].decorators["max_value"] == 1000


def test_two_warm_instances_with_zones() -> None:
    """The service refuses a single warm instance in a zone redundant plan."""
    assert "zoneRedundant ? max(httpAlwaysReady, 2) : httpAlwaysReady" in source(FLEX)


def test_the_package_is_pushed_without_a_build() -> None:
    """The dependencies are in the zip, and onedeploy is the only deployment the plan knows."""
    package = resources("modules/package.bicep")["package"].body
    assert package == {
        "parent": "site",
        "name": "onedeploy",
        "properties": {"packageUri": "packageUri", "remoteBuild": False},
    }


def test_each_plan_has_its_app() -> None:
    """Exactly one of both apps is made, and only Flex Consumption gets the package pushed."""
    assert variables("main.bicep")["isFlex"]["operator"]["operands"] == {
        "operand_1": "hostingPlan",
        "operand_2": "FC1",
    }
    assert modules()["flexApp"].condition == "isFlex"
    assert modules()["premiumApp"].condition == {"operator": {"type": "not", "operands": {"bool_value": "isFlex"}}}
    assert modules()["package"].condition["operator"]["operands"] == {
        "operand_1": "isFlex",
        "operand_2": "deployPackage",
    }


def test_subnet_belongs_to_the_plan() -> None:
    """Flex Consumption and Elastic Premium want different delegations."""
    choice = modules()["network"].body["params"]["appDelegation"]["operator"]["operands"]
    assert choice == {
        "condition": "isFlex",
        "true_value": "Microsoft.App/environments",
        "false_value": "Microsoft.Web/serverFarms",
    }
    subnets = resources("modules/network.bicep")["network"].body["properties"]["subnets"]
    assert not [subnet["name"] for subnet in subnets if "_" in subnet["name"]]


def test_premium_settings_need_no_key() -> None:
    """Elastic Premium runs from the URL: a content share would need a storage key."""
    settings = {item["name"]: item["value"] for item in json.loads(source("premium-settings.json"))}
    assert settings == {
        "FUNCTIONS_EXTENSION_VERSION": "~4",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "WEBSITE_RUN_FROM_PACKAGE": "{packageUri}",
    }
    assert "replace(loadTextContent('../premium-settings.json'), '{packageUri}', packageUri)" in source(PREMIUM)
    assert variables(PREMIUM)["runtime"] == {"linuxFxVersion": "Python|${pythonVersion}"}


def test_both_apps_hand_out_their_host_name() -> None:
    """The Tenant URL is made from the name that Azure gave, since it may add a suffix of its own."""
    for file in (FLEX, PREMIUM):
        assert dotted(outputs(file)["hostName"].body) == "site.properties.defaultHostName"
