"""What is committed is what the Bicep compiler makes of the Bicep; skipped where there is no compiler."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.infra.template import INFRA, SNAPSHOTS
from tools import template as tool

COMPILER = tool.find_compiler()
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no Bicep compiler: neither BICEP nor bicep on the path")


@pytest.fixture
def infra(tmp_path: Path) -> Path:
    """A copy of the templates, to compile or to break."""
    shutil.copytree(INFRA, tmp_path / "infra")
    return tmp_path / "infra"


@pytest.fixture
def compiler() -> Path:
    assert COMPILER is not None
    return COMPILER


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


@needs_compiler
def test_the_compiled_template_is_that_of_the_bicep(infra: Path, compiler: Path) -> None:
    """The button deploys azuredeploy.json: a stale one deploys what nobody reads. `make template` makes it anew."""
    assert tool.compiled_by() in tool.run(compiler, "--version"), "another version compiles to something else"
    tool.build(compiler, infra, infra / "anew.json")
    assert (infra / "anew.json").read_text() == (INFRA / "azuredeploy.json").read_text()


@needs_compiler
def test_every_file_has_the_one_form(infra: Path, compiler: Path) -> None:
    """A diff shows what was changed, not how somebody likes brackets."""
    tool.format_all(compiler, infra)
    changed = [
        str(path)
        for path in INFRA.rglob("*.bicep*")
        if path.read_text() != (infra / path.relative_to(INFRA)).read_text()
    ]
    assert changed == []


@needs_compiler
@pytest.mark.parametrize("name", SNAPSHOTS)
def test_each_snapshot_is_what_its_parameters_make(name: str, compiler: Path) -> None:
    """A change of a resource is seen in a review, or here as a difference."""
    tool.snapshot(compiler, INFRA / "snapshots" / f"{name}.bicepparam", "Validate")


def a_finding(infra: Path) -> str:
    edit(infra / "main.bicep", "// ---- Choices", "var unused = 1\n// ---- Choices")
    return "no-unused-vars"


def a_property_that_does_not_exist(infra: Path) -> str:
    edit(infra / "modules" / "key-vault.bicep", "enableRbacAuthorization: true", "enableRbacAuthorisation: true")
    return "enableRbacAuthorisation"


def a_setting_of_the_wrong_type(infra: Path) -> str:
    edit(infra / "snapshots" / "restricted.bicepparam", "costCenter: '4711'", "costCenter: 4711")
    return "BCP036"


@needs_compiler
@pytest.mark.parametrize("mistake", [a_finding, a_property_that_does_not_exist])
def test_a_complaint_of_the_compiler_is_a_failure(mistake: Callable[[Path], str], infra: Path, compiler: Path) -> None:
    """To the compiler a misspelt property is a warning; in Azure it is a protection that is not made."""
    expected = mistake(infra)
    with pytest.raises(tool.TemplateError, match=expected):
        tool.build(compiler, infra, infra / "anew.json")


def a_changed_resource(infra: Path) -> str:
    edit(infra / "modules" / "storage.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAccess: true")
    return "allowSharedKeyAccess"


def no_package(infra: Path) -> str:
    edit(infra / "snapshots" / "restricted.bicepparam", "param repository", "param releaseTag")
    return "Nothing says where the package is: give repository=OWNER/NAME"


def a_strange_prefix(infra: Path) -> str:
    edit(infra / "snapshots" / "restricted.bicepparam", "param tags", "param namePrefix = 'sc-Im'\nparam tags")
    return 'namePrefix is "sc-Im": give lower-case letters'


def a_range_of_two(infra: Path) -> str:
    edit(
        infra / "snapshots" / "restricted.bicepparam", "param tags", "param adminIpCidrs = ['192.0.2.0/31']\nparam tags"
    )
    return r"adminIpCidrs has 192\.0\.2\.0/31: Storage takes no range of two"


def a_setting_of_the_template(infra: Path) -> str:
    edit(infra / "snapshots" / "restricted.bicepparam", "SCIM_FILTERABLE:", "scim_tenant:")
    return "additionalAppSettings has scim_tenant: the template sets that itself"


@needs_compiler
@pytest.mark.parametrize(
    "mistake",
    [
        a_changed_resource,
        a_setting_of_the_wrong_type,
        no_package,
        a_strange_prefix,
        a_range_of_two,
        a_setting_of_the_template,
    ],
)
def test_a_mistake_is_met_before_anything_is_made(mistake: Callable[[Path], str], infra: Path, compiler: Path) -> None:
    """With a sentence that says what to change; Azure would refuse most of these minutes later, and say less."""
    expected = mistake(infra)
    with pytest.raises(tool.TemplateError, match=expected):
        tool.snapshot(compiler, infra / "snapshots" / "restricted.bicepparam", "Validate")


def test_the_version_is_raised_in_one_place(tmp_path: Path) -> None:
    """Whoever makes a release changes pyproject.toml, and `make template` does the rest."""
    for name in ("pyproject.toml", *tool.VERSIONED):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(INFRA.parent / name, tmp_path / name)
    edit(tmp_path / "pyproject.toml", 'version = "0.1.0"', 'version = "7.8.9"')
    tool.write_version(tmp_path)
    assert "param releaseTag string = 'v7.8.9'\n" in (tmp_path / "infra" / "main.bicep").read_text()
    assert "  template: entra-scim-functions@7.8.9\n" in (tmp_path / "azure.yaml").read_text()


def test_without_a_compiler_the_command_says_which_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever changes the Bicep learns the version that makes no other difference."""
    monkeypatch.delenv("BICEP", raising=False)
    monkeypatch.setenv("PATH", "")
    assert tool.main() == 1
    assert f"install {tool.compiled_by()} from https://github.com/Azure/bicep/releases" in capsys.readouterr().err
