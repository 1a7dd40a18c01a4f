"""What Flex Consumption refuses is not there, what it needs is; and Elastic Premium gets the same settings."""

import json

import pytest

from scim.settings import Settings
from tests.infra.template import ROOT, SNAPSHOTS, app_settings, of_kind, resources, source, the, words

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
    "FUNCTIONS_ADMIN_ISOLATION_ENABLED",  # Azure/Azure-Functions#2573
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
MANAGE = "SCIM_MANAGE_ADDRESSES"
FLEX = [name for name in SNAPSHOTS if name != "premium"]
SETTINGS_PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FLEX)
def test_nothing_that_the_plan_refuses(name: str) -> None:
    """One refused property fails the whole deployment, with an error that does not name it."""
    site = the(name, "Microsoft.Web/sites")
    assert site.properties["siteConfig"].keys() == TAKEN_SITE_CONFIG
    assert words(site.body) & (REFUSED_SITE_CONFIG | REFUSED_SETTINGS) == set()


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_no_plain_host_connection(name: str) -> None:
    """AzureWebJobsStorage itself would win over the identity form and needs a key."""
    assert "AzureWebJobsStorage" not in app_settings(name)
    assert app_settings(name)["AzureWebJobsStorage__credential"] == "managedidentity"


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_hints_are_sent_and_read_by_the_identity(name: str) -> None:
    """A setting of the trigger's plain name would win over these, and be a connection string with a key."""
    settings = app_settings(name)
    assert "SCIM_HINTS" not in settings
    assert settings["SCIM_HINTS__credential"] == "managedidentity"
    assert settings["SCIM_HINTS__clientId"] == settings["AZURE_CLIENT_ID"]


def test_what_delivers_can_be_kept_warm() -> None:
    """By the name of its function, since it has instances of its own; over zones there are two of each."""
    scale = the("isolated", "Microsoft.Web/sites").properties["functionAppConfig"]["scaleAndConcurrency"]
    assert scale["alwaysReady"] == [
        {"name": "http", "instanceCount": 2},
        {"name": "function:Deliver", "instanceCount": 2},
    ]
    assert "async def Deliver(" in (ROOT / "function_app.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_no_setting_holds_a_secret(name: str) -> None:
    """Everybody who may read the app's configuration reads its settings."""
    text = str(app_settings(name))
    assert not [part for part in ("newGuid", "listKeys", "AccountKey", "SharedAccess", "okenSeed") if part in text]


@pytest.mark.parametrize("setting", app_settings("restricted"))
def test_app_settings_are_documented(setting: str) -> None:
    """An administrator who finds a setting in the portal finds it in the documentation."""
    assert setting in SETTINGS_PAGE


def test_both_plans_get_the_same_settings() -> None:
    """Whoever changes the plan changes nothing else; what Premium adds is what Flex knows without a setting."""
    flex, premium = app_settings("defaults"), app_settings("premium")
    assert premium.keys() - flex.keys() == {
        "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_WORKER_RUNTIME",
        "WEBSITE_RUN_FROM_PACKAGE",
    }
    assert flex.keys() <= premium.keys()


def test_own_app_settings_join_those_of_the_template() -> None:
    """An optional setting given to the deployment survives the next one."""
    assert app_settings("restricted")["SCIM_FILTERABLE"] == "User.userName,Group.displayName"
    assert app_settings("defaults").keys() == app_settings("restricted").keys() - {
        "SCIM_FILTERABLE",
        "SCIM_BASE_URL",
        "SCIM_MANAGE_ADDRESSES",
    }


def test_the_console_can_be_switched_off_and_kept_to_addresses() -> None:
    """The service takes what the template says, word for word."""
    asked = {"SCIM_STORAGE": "sqlite::memory:", "SCIM_TOKEN": "a-token-made-up-for-tests"}
    for name, console, addresses in (
        ("defaults", True, ()),
        ("restricted", False, ("203.0.113.7/32", "2001:db8::/32")),
    ):
        chosen = {each: text for each, text in app_settings(name).items() if each in ("SCIM_CONSOLE", MANAGE)}
        read = Settings.from_environ(asked | chosen)
        assert (read.console, tuple(map(str, read.manage_addresses))) == (console, addresses)


def test_an_own_host_name_is_the_one_that_answers_name() -> None:
    """Entra keeps the addresses in `meta.location`: they must be those by which it calls."""
    assert app_settings("restricted")["SCIM_BASE_URL"] == "https://scim.contoso.example/scim/v2"
    outputs = json.loads(source("snapshots/restricted.snapshot.json"))["outputs"]
    assert outputs["TENANT_URL"] == "https://scim.contoso.example/scim/v2"


def test_runtime_and_scale_are_in_function_app_config() -> None:
    """The plan takes runtime, memory, concurrency and warm instances nowhere else."""
    config = the("defaults", "Microsoft.Web/sites").properties["functionAppConfig"]
    assert config["runtime"] == {"name": "python", "version": "3.13"}
    assert config["scaleAndConcurrency"] == {
        "instanceMemoryMB": 2048,
        "maximumInstanceCount": 100,
        "alwaysReady": [],
        "triggers": {"http": {"perInstanceConcurrency": 16}},
    }


def test_two_warm_instances_with_zones() -> None:
    """The service refuses a single warm instance in a zone redundant plan."""
    scale = the("isolated", "Microsoft.Web/sites").properties["functionAppConfig"]["scaleAndConcurrency"]
    assert {each["instanceCount"] for each in scale["alwaysReady"]} == {2}
    assert the("isolated", "Microsoft.Web/serverfarms").properties["zoneRedundant"] is True


def test_a_rolling_update_is_asked_for() -> None:
    """It is a preview, so the property is absent unless somebody wants it."""
    assert the("isolated", "Microsoft.Web/sites").properties["functionAppConfig"]["siteUpdateStrategy"] == {
        "type": "RollingUpdate"
    }
    assert "siteUpdateStrategy" not in words(the("defaults", "Microsoft.Web/sites").body)


@pytest.mark.parametrize("name", FLEX)
def test_the_package_container_is_read_by_identity(name: str) -> None:
    """No connection string opens the container of the package."""
    storage = the(name, "Microsoft.Web/sites").properties["functionAppConfig"]["deployment"]["storage"]
    identity = the(name, "Microsoft.ManagedIdentity/userAssignedIdentities").id
    assert storage["type"] == "blobContainer"
    assert storage["authentication"] == {
        "type": "UserAssignedIdentity",
        "userAssignedIdentityResourceId": identity,
    }


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_one_app_on_one_plan(name: str) -> None:
    """Flex Consumption takes no second app on a plan."""
    plan = the(name, "Microsoft.Web/serverfarms")
    sku = {"name": "EP1", "tier": "ElasticPremium"} if name == "premium" else {"name": "FC1", "tier": "FlexConsumption"}
    assert sku.items() <= plan.body["sku"].items()
    assert the(name, "Microsoft.Web/sites").properties["serverFarmId"] == plan.id


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_app_is_public_https_with_one_identity(name: str) -> None:
    """Entra calls from the internet; passwords for deployment and FTP are off, and the host's keys open no /admin."""
    site = the(name, "Microsoft.Web/sites")
    assert site.body["kind"] == "functionapp,linux"
    assert site.body["identity"]["type"] == "UserAssigned"
    assert {
        "httpsOnly": True,
        "clientAffinityEnabled": False,
        "publicNetworkAccess": "Enabled",
        "functionsRuntimeAdminIsolationEnabled": True,
    }.items() <= site.properties.items()
    assert site.properties["siteConfig"]["minTlsVersion"] == "1.2"
    policies = of_kind(name, "Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    assert [(each.name, each.properties) for each in policies] == [("ftp", {"allow": False}), ("scm", {"allow": False})]


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_no_network_is_no_subnet(name: str) -> None:
    """An empty id is not the id of a subnet: Azure checks it before it looks at the app."""
    subnet = the(name, "Microsoft.Web/sites").properties["virtualNetworkSubnetId"]
    assert subnet is None if name != "isolated" else subnet.endswith("/subnets/app")


def test_the_subnet_is_delegated_to_the_plan() -> None:
    """Flex Consumption joins a network through Container Apps, and takes no underscore in the name."""
    app = the("isolated", "Microsoft.Network/virtualNetworks").properties["subnets"][0]
    assert app["properties"]["delegations"][0]["properties"] == {"serviceName": "Microsoft.App/environments"}
    assert "_" not in app["name"]


def test_the_package_is_pushed_without_a_build() -> None:
    """The dependencies are in the zip, and onedeploy is the only deployment the plan knows."""
    address = "https://github.com/contoso/entra-scim-functions/releases/download/v0.1.0/released-package.zip"
    package = the("defaults", "Microsoft.Web/sites/extensions")
    assert (package.name, package.properties) == ("onedeploy", {"packageUri": address, "remoteBuild": False})


@pytest.mark.parametrize("name", ["azd", "premium"])
def test_nothing_is_pushed_where_the_code_comes_another_way(name: str) -> None:
    """azd brings it afterwards; Elastic Premium reads it from its address at each start."""
    assert [each for each in resources(name) if each.kind == "Microsoft.Web/sites/extensions"] == []


def test_premium_needs_no_key() -> None:
    """It runs from the URL: a content share would need a storage key. Its health is watched, and it never sleeps."""
    assert app_settings("premium")["WEBSITE_RUN_FROM_PACKAGE"].startswith("https://github.com/contoso/")
    config = the("premium", "Microsoft.Web/sites").properties["siteConfig"]
    assert config["linuxFxVersion"] == "Python|3.13"
    assert config["healthCheckPath"] == "/health"


def test_premium_over_zones_runs_two_instances() -> None:
    """A single instance is in a single zone, whatever the plan says."""
    plan = the("premium", "Microsoft.Web/serverfarms")
    assert plan.properties["zoneRedundant"] is True
    assert plan.body["sku"]["capacity"] == 2
    assert the("premium", "Microsoft.Web/sites").properties["siteConfig"]["minimumElasticInstanceCount"] == 2
