"""What the templates ask and answer: every parameter is described, bounded and typed, and none is a secret outside."""

import json
import re
import tomllib

import pytest

from tests.infra.template import FILES, ROOT, compiled, outputs, parameters, source

PARAMETER_FILES = ["main.bicepparam", "azd/main.bicepparam"]
SEEDS = ("tokenSeedA", "tokenSeedB", "adminTokenSeedA", "adminTokenSeedB", "webhookKeySeedA", "webhookKeySeedB")


@pytest.mark.parametrize("file", FILES)
def test_each_parameter_and_output_is_described(file: str) -> None:
    """Whoever fills in a parameter or reads an output finds a sentence about it."""
    declared = re.findall(r"((?:^@.*\n)*)^(?:param|output) (\w+)", source(file), re.M)
    assert [name for decorators, name in declared if "@description('" not in decorators] == []


def test_each_number_has_two_limits() -> None:
    """A figure that no plan or service takes is refused before anything is made."""
    numbers = {name: item for name, item in parameters().items() if item.get("type") == "int"}
    assert [
        name
        for name, item in numbers.items()
        if "allowedValues" not in item and not {"minValue", "maxValue"} <= set(item)
    ] == []


def test_nothing_is_a_plain_object_or_array() -> None:
    """A setting of the wrong type is refused before anything is made."""
    loose = re.compile(r"^param \w+ (object|array)\b", re.M)
    assert [file for file in FILES if loose.search(source(file))] == []


def test_each_choice_is_one_of_a_list() -> None:
    """Plans, replication, memory and Python cannot be misspelt."""
    choices = {name for name, item in parameters().items() if "allowedValues" in item}
    assert choices == {"hostingPlan", "pythonVersion", "instanceMemoryMB", "storageSku", "updateStrategy"}


def test_every_parameter_has_a_default() -> None:
    """The button needs no answer to be complete."""
    assert [name for name, item in parameters().items() if "defaultValue" not in item] == []


@pytest.mark.parametrize(
    ("name", "default"),
    [("hostingPlan", "FC1"), ("pythonVersion", "3.13"), ("scimTenant", "scim"), ("changeRetentionDays", 90)],
)
def test_defaults(name: str, default: object) -> None:
    """Without an answer: Flex Consumption, the Python of the package, and the defaults of the product."""
    assert parameters()[name]["defaultValue"] == default


@pytest.mark.parametrize(
    "name",
    [
        "enableAvailabilityTest",
        "enableResourceLock",
        "logTableWrites",
        "natGateway",
        "networkIsolation",
        "zoneRedundant",
    ],
)
def test_what_costs_or_hinders_is_off_by_default(name: str) -> None:
    """Nobody pays for, or is held up by, what was not asked for."""
    assert parameters()[name]["defaultValue"] is False


def test_the_token_is_random_and_secure_on_its_way() -> None:
    """Two random ids make each token and the webhooks' key, and every parameter that one passes is secure."""
    for name in SEEDS:
        assert (parameters()[name]["type"], parameters()[name]["defaultValue"]) == ("securestring", "[newGuid()]")
    vault = compiled()["resources"]["keyVault"]["properties"]["template"]["parameters"]
    assert {vault[name]["type"] for name in ("token", "adminToken", "webhookKey")} == {"securestring"}
    given = compiled()["resources"]["keyVault"]["properties"]["parameters"]
    for token, seeds in {"token": SEEDS[:2], "adminToken": SEEDS[2:4], "webhookKey": SEEDS[4:]}.items():
        assert set(re.findall(r"\w+Seed[AB]", json.dumps(given[token]))) == set(seeds)


def test_the_token_is_written_once() -> None:
    """A second deployment must not replace what Entra, the operator and the receivers of webhooks hold."""
    secrets = compiled()["resources"]["keyVault"]["properties"]["template"]["resources"]
    for name in ("tokenSecret", "adminTokenSecret", "webhookKeySecret"):
        assert secrets[name]["@options"].keys() == {"onlyIfNotExists"}
    assert source("azuredeploy.json").count("onlyIfNotExists") == 3


@pytest.mark.parametrize("file", FILES)
def test_no_key_is_ever_asked_for(file: str) -> None:
    """Nothing reads an account key or a connection string with one."""
    assert re.findall(r"listKeys|AccountKey|SharedAccessSignature|listAccountSas|listSecrets", source(file)) == []


def test_outputs() -> None:
    """The administrator learns the Tenant URL, where to see the token, and where to look when it does not work."""
    assert outputs().keys() == {
        "TENANT_URL",
        "GET_TOKEN_COMMAND",
        "TOKEN_PAGE",
        "ENTRA_PAGE",
        "DOCUMENTATION",
        "HEALTH_URL",
        "KEY_VAULT_NAME",
        "TOKEN_SECRET_NAME",
        "FUNCTION_APP_NAME",
        "DATA_STORAGE_ACCOUNT",
        "AZURE_LOCATION",
        "AZURE_TENANT_ID",
    }
    assert "/scim/v2" in outputs()["TENANT_URL"]["value"]


def test_no_output_holds_a_secret() -> None:
    """Outputs stay in the deployment history for everybody who may read the resource group."""
    text = json.dumps(outputs())
    assert not re.search(r"okenSeed|newGuid|getSecret", text)


@pytest.mark.parametrize("file", PARAMETER_FILES)
def test_parameter_files_never_name_the_token(file: str) -> None:
    """`az` and azd pass only answers, and never the token."""
    named = set(re.findall(r"^param (\w+) =", source(file), re.M))
    assert named <= {*parameters(), "environmentName"} - set(SEEDS)


def test_azd_can_say_what_the_workflow_can() -> None:
    """Both parameter files read the same variables, but for what only one of them knows."""
    read = [set(re.findall(r"readEnvironmentVariable\('(\w+)'", source(file))) for file in PARAMETER_FILES]
    assert read[0] - read[1] == {"DEPLOY_HOSTING_PLAN", "DEPLOY_REPOSITORY"}
    assert read[1] - read[0] == {"AZURE_ENV_NAME", "AZURE_LOCATION", "DEPLOY_PURGE_PROTECTION"}


def test_the_template_installs_the_version_in_pyproject() -> None:
    """Template and package of one version belong together."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert parameters()["releaseTag"]["defaultValue"] == f"v{project['version']}"


def test_the_repository_is_named_nowhere() -> None:
    """A copy needs no change: the button's template says where it was loaded from."""
    assert parameters()["repository"]["defaultValue"] == ""
    assert "OWNER/entra" not in source("azuredeploy.json")


def test_linter_rules_are_errors() -> None:
    """A finding of the compiler's linter stops the build; only the age of API versions is our own business."""
    rules = json.loads(source("bicepconfig.json"))["analyzers"]["core"]["rules"]
    off = {name for name, rule in rules.items() if rule["level"] != "error"}
    assert off == {"use-recent-api-versions"}


def test_nothing_is_fetched_to_compile() -> None:
    """Modules lie in this repository: no registry decides what is deployed."""
    assert [file for file in FILES if re.search(r"'(br|ts)[:/]", source(file))] == []
