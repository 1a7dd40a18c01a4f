"""GitHub workflows and azure.yaml: least rights, pinned actions, and commands that exist in this repository."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.template import ROOT, source, the
from tools.sbom import version

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(path.name for path in FOLDER.glob("*.yml"))
MAKEFILE = ROOT / "Makefile"


def workflow(name: str) -> dict[str, Any]:
    """One workflow as plain values."""
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return loaded


def steps(name: str) -> list[dict[str, Any]]:
    """Every step of every job of a workflow."""
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def commands(name: str) -> str:
    """Everything that a workflow runs in a shell."""
    return "\n".join(step["run"] for step in steps(name) if "run" in step)


def test_the_workflows() -> None:
    """Test, release, deploy in two ways, and the offer to a copy; nothing else."""
    assert WORKFLOWS == ["azure-dev.yml", "deploy.yml", "publish-as.yml", "release.yml", "test.yml"]


RIGHTS: dict[str, dict[str, dict[str, str] | None]] = {
    "test.yml": {"python": None, "bicep": None, "windows": None},
    "release.yml": {
        "build": {"contents": "read"},
        "release": {"contents": "write", "id-token": "write", "attestations": "write"},
    },
    "deploy.yml": {"deploy": {"contents": "read", "id-token": "write"}},
    "azure-dev.yml": {"up": {"contents": "read", "id-token": "write"}},
    "publish-as.yml": {"offer": {"contents": "write", "pull-requests": "write"}},
}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_rights_are_named_and_small(name: str) -> None:
    """Nothing gets the default rights; what writes says what, and only in the job that does."""
    document = workflow(name)
    assert document["permissions"] == ({"contents": "read"} if name == "test.yml" else {})
    assert {job: body.get("permissions") for job, body in document["jobs"].items()} == RIGHTS[name]


def test_what_may_write_runs_nothing_of_the_repository() -> None:
    """Tests and their dependencies never see a token that can publish: the job that publishes has no checkout."""
    jobs = workflow("release.yml")["jobs"]
    assert jobs["release"]["needs"] == "build"
    assert not any("checkout" in step.get("uses", "") for step in jobs["release"]["steps"])
    assert any("actions/checkout@" in step.get("uses", "") for step in jobs["build"]["steps"])


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_by_commit(name: str) -> None:
    """A tag can be moved to other code; the version beside the commit is what Dependabot and people read."""
    used = re.findall(r"uses: (.*)", (FOLDER / name).read_text(encoding="utf-8"))
    assert used
    pinned = re.compile(r"(actions|azure)/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [action for action in used if not pinned.fullmatch(action)] == []


def test_each_action_has_one_version() -> None:
    """Whoever looks at one workflow has looked at all."""
    used = {action for name in WORKFLOWS for action in re.findall(r"uses: (.*)", (FOLDER / name).read_text("utf-8"))}
    assert len(used) == len({action.split("@")[0] for action in used})


@pytest.mark.parametrize("name", [each for each in WORKFLOWS if each != "test.yml"])
def test_what_is_installed_where_the_app_is_deployed_has_hashes(name: str) -> None:
    """There are credentials beside it: nothing runs there but what the locks name."""
    installs = [line for line in commands(name).splitlines() if "pip install" in line]
    assert [line for line in installs if "--require-hashes" not in line or "tools/locks/" not in line] == []


def test_what_others_make_is_kept_current() -> None:
    """Dependabot looks after each kind of pin: pip, npm and actions."""
    document = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))
    assert {each["package-ecosystem"] for each in document["updates"]} == {"pip", "npm", "github-actions"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_stored_password(name: str) -> None:
    """Azure trusts a federated credential, GitHub its own token: there is no secret to leak."""
    assert "secrets." not in (FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_inputs_do_not_become_commands(name: str) -> None:
    """An expression inside a shell command would run whatever its value says."""
    assert "${{" not in commands(name)


def test_every_supported_python_is_tested() -> None:
    """The same command as everywhere else, on each version the product promises, named for the set-up to take it."""
    job = workflow("test.yml")["jobs"]["python"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert job["env"]["PYTHON"] == "python${{ matrix.python }}"
    assert "PYTHON:-" in (ROOT / "tools" / "venv.sh").read_text(encoding="utf-8")
    assert "bash .ci/run" in commands("test.yml")


def test_the_compiler_of_the_templates_judges_them() -> None:
    """Another version compiles to something else, so the one in azuredeploy.json is installed."""
    text = commands("test.yml")
    assert "metadata._generator.version" in text
    assert 'BICEP="$HOME/.azure/bin/bicep" .venv/bin/python -m pytest tests/infra/test_compiler.py' in text


@pytest.mark.parametrize("name", WORKFLOWS)
def test_scripts_exist(name: str) -> None:
    """A workflow must not find out after minutes that a script was renamed."""
    scripts = re.findall(r"\bbash ([\w.]\S*)", commands(name))
    files = re.findall(r"\binfra/[\w./-]+\.(?:bicep|bicepparam)\b", commands(name))
    missing = [path for path in (*scripts, *files) if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_make_targets_exist(name: str) -> None:
    """Each `make` in a workflow is a target of the Makefile."""
    wanted = re.findall(r"^make ([\w-]+)", commands(name), re.M)
    targets = re.findall(r"^([\w-]+):", MAKEFILE.read_text(encoding="utf-8"), re.M)
    assert sorted(set(wanted) - set(targets)) == []


def test_the_release_checks_before_it_publishes() -> None:
    """Template, tests, package and smoke test come before the release exists, in this order."""
    text = commands("release.yml")
    order = [
        "param releaseTag string = '${GITHUB_REF_NAME}'",
        "az bicep build --file infra/main.bicep --outfile infra/azuredeploy.json",
        "git diff --exit-code -- infra/azuredeploy.json",
        "bash .ci/run",
        "make package",
        "import function_app",
        "sha256sum released-package.zip sbom.cdx.json azuredeploy.json > SHA256SUMS",
        "gh release create",
    ]
    places = [text.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)
    uses = [str(step.get("uses", step.get("name"))).split("@")[0] for step in steps("release.yml")]
    assert uses.index("actions/attest-build-provenance") < uses.index("Release")


def test_a_release_without_its_compiled_template_says_what_to_do(tmp_path: Path) -> None:
    """The button would open nothing: the workflow stops before anything else and names the command."""
    script = next(step["run"] for step in steps("release.yml") if "committed template" in step.get("name", ""))
    done = subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True)  # noqa: S603, S607
    assert done.returncode == 1
    assert done.stdout.startswith("::error::infra/azuredeploy.json")
    assert "make template" in done.stdout


@pytest.mark.parametrize(("named", "code"), [("v0.1.0", 0), ("v0.1.1", 1), ("v0x1.0", 1), ("v0.1.0-rc1", 1)])
def test_a_tag_that_the_template_does_not_name_is_refused(tmp_path: Path, named: str, code: int) -> None:
    """The template would install another release than the one that is made."""
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "main.bicep").write_text(f"param releaseTag string = '{named}'\n")
    script = next(step["run"] for step in steps("release.yml") if "installs this release" in step.get("name", ""))
    environment = {**os.environ, "GITHUB_REF_NAME": "v0.1.0"}
    done = subprocess.run(  # noqa: S603
        ["bash", "-e", "-c", script],  # noqa: S607
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "v0.1.0" in done.stdout) == (code, code == 1)


def test_a_restricted_endpoint_is_not_asked_from_outside() -> None:
    """The machine that deploys is no caller: with either restriction its request would be refused for ten minutes."""
    step = next(step for step in steps("deploy.yml") if step.get("name") == "The endpoint answers")
    assert step["if"] == "vars.DEPLOY_RESTRICT_TO_ENTRA != 'true' && vars.DEPLOY_ALLOWED_IP_CIDRS == ''"


def test_the_release_is_built_for_the_python_of_the_app() -> None:
    """Compiled dependencies run only on the Python they were built for."""
    python = next(step["with"] for step in steps("release.yml") if "setup-python" in step.get("uses", ""))
    assert f"param pythonVersion string = '{python['python-version']}'" in source("main.bicep")


def test_the_deployment_uses_the_parameter_file() -> None:
    """Every variable that the workflow sets is one that main.bicepparam reads."""
    read = set(re.findall(r"readEnvironmentVariable\('(DEPLOY_\w+)'", source("main.bicepparam")))
    given = {name for name in workflow("deploy.yml")["jobs"]["deploy"]["env"] if name.startswith("DEPLOY_")}
    assert given == read
    assert "--parameters infra/main.bicepparam" in commands("deploy.yml")


def test_azd_finds_the_app() -> None:
    """The service in azure.yaml carries the name that the function app has as a tag."""
    document = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    assert document["infra"] == {"provider": "bicep", "path": "infra/azd", "module": "main"}
    assert list(document["services"]) == [the("azd", "Microsoft.Web/sites").body["tags"]["azd-service-name"]]
    assert document["services"]["api"]["host"] == "function"


def azd() -> dict[str, Any]:
    """What azd is told."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    return loaded


def test_azd_ships_the_package_that_a_release_holds() -> None:
    """A build in Azure may run another Python than the app, and takes no hashes (Azure/azure-dev#8538)."""
    service = azd()["services"]["api"]
    assert (service["dist"], service["remoteBuild"]) == ("dist/azd", False)
    for hook in service["hooks"]["prepackage"].values():
        assert hook["run"].split(maxsplit=1)[1] == "tools/package.py --folder dist/azd"


def test_azd_runs_on_windows_too() -> None:
    """Each hook has a form for either system, and runs a script that exists."""
    for hooks in (azd()["hooks"], azd()["services"]["api"]["hooks"]):
        for hook in hooks.values():
            assert {kind: each["shell"] for kind, each in hook.items()} == {"posix": "sh", "windows": "pwsh"}
            assert len({each["run"].split(maxsplit=1)[1] for each in hook.values()}) == 1
    assert azd()["hooks"]["postdeploy"]["posix"]["run"] == "python3 -m tools.after_azd"
    assert (ROOT / "tools" / "after_azd.py").exists()


def test_the_template_has_one_version() -> None:
    """azd's gallery shows it; it is that of the product."""
    assert azd()["metadata"]["template"] == f"entra-scim-functions@{version()}"


def test_a_deployment_waits_until_azure_knows_the_functions(tmp_path: Path) -> None:
    """The platform may know of the warm-up alone, and every address would answer 404 (azure-functions-host#10169)."""
    script = next(step["run"] for step in steps("deploy.yml") if step.get("name") == "Azure knows the functions")
    (tmp_path / "outputs.json").write_text('{"functioN_APP_NAME": {"value": "func-scim"}}')
    calls = tmp_path / "calls"
    az = tmp_path / "az"
    az.write_text(
        f"""#!/bin/sh
echo "$*" >> {calls}
case "$*" in
  "functionapp show"*) echo /site ;;
  "functionapp function list"*) test "$(grep -c "function list" {calls})" -lt 3 || echo func-scim/Health ;;
esac
"""
    )
    jq = tmp_path / "jq"
    jq.write_text("#!/bin/sh\necho func-scim\n")
    sleep = tmp_path / "sleep"
    sleep.write_text("#!/bin/sh\n")
    for tool in (az, jq, sleep):
        tool.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "GROUP": "rg-scim"}
    done = subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=environment, capture_output=True)  # noqa: S603, S607
    assert done.returncode == 0
    asked = calls.read_text().splitlines()
    assert sum("host/default/sync" in each for each in asked) == 3


def test_what_github_reads_can_be_read() -> None:
    """A form with a mistake is not shown, and nobody is told why."""
    folder = ROOT / ".github"
    for file in [*folder.glob("*.yml"), *(folder / "ISSUE_TEMPLATE").glob("*.yml")]:
        assert isinstance(yaml.safe_load(file.read_text(encoding="utf-8")), dict), file.name
    json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["wrong-answer.yml", "deployment.yml"])
def test_an_issue_form_never_asks_for_a_token(name: str) -> None:
    """It says so before anybody pastes one, and each of its fields has an id of its own."""
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / name).read_text(encoding="utf-8"))
    first, *fields = form["body"]
    assert "token" in first["attributes"]["value"]
    assert len({field["id"] for field in fields}) == len(fields)


def test_the_dev_container_has_what_the_project_needs() -> None:
    """Python of the app, Node.js for the emulator, azd, and the Functions tools."""
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["image"].endswith("python:3.13")
    features = " ".join(container["features"])
    assert all(part in features for part in ("node", "azure-cli", "azd", "azure-functions-core-tools"))
    assert container["postCreateCommand"] == "make setup"
