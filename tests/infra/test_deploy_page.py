"""docs/deploy.md names what the template has, so that an administrator never meets an unexplained question."""

import re
from urllib.parse import unquote

import pytest

from tests.infra.template import ROOT, outputs, parameters, source

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")

BENCHMARKS = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def table_after(heading: str) -> list[list[str]]:
    """Rows of the first table after a heading, each as its cells, without the two lines of its head."""
    text = PAGE.split(f"\n{heading}\n")[1]
    rows = [line for line in text.split("\n\n|", 1)[1].split("\n\n")[0].splitlines() if line]
    return [re.split(r"\s*\|\s*", row)[1:-1] for row in rows[2:]]


def test_each_parameter_is_explained() -> None:
    """The table of choices has exactly the parameters of the template."""
    named = {name for row in table_after("## Choices") for name in re.findall(r"`(\w+)`", row[0])}
    assert named == parameters().keys()


def test_variables_are_those_of_the_parameter_file() -> None:
    """A variable that the page promises is read, and for the parameter beside it."""
    pattern = r"^param (\w+) = .*?readEnvironmentVariable\('(\w+)'"
    read = dict(re.findall(pattern, source("main.bicepparam"), re.M))
    promised = {
        name: variable
        for row in table_after("## Choices")
        if "`" in row[2]
        for name, variable in zip(re.findall(r"`(\w+)`", row[0]), re.findall(r"`(\w+)`", row[2]), strict=True)
    }
    assert promised == read


@pytest.mark.parametrize(
    "name", ["pythonVersion", "changeRetentionDays", "logRetentionDays", "namePrefix", "hostingPlan"]
)
def test_defaults_are_those_of_the_template(name: str) -> None:
    """The page and the template agree about what happens without an answer."""
    row = next(row for row in table_after("## Choices") if f"`{name}`" in row[0])
    assert row[1].strip("`") == str(parameters()[name]["defaultValue"])


def test_outputs_that_the_page_names_exist() -> None:
    """The page sends nobody to an output that is not there."""
    named = set(re.findall(r"\b(TENANT_URL|GET_TOKEN_COMMAND|HEALTH_URL|\w+_NAME|DATA_STORAGE_ACCOUNT)\b", PAGE))
    assert named - {"AZURE_ENV_NAME"} <= outputs().keys()


def test_the_button_opens_template_and_form() -> None:
    """Both addresses are encoded, raw, and name files of infra/ in one repository."""
    line = next(line for line in PAGE.splitlines() if line.startswith("[button]: "))
    template, form = (unquote(part) for part in re.findall(r"https%3A[^/]+", line))
    assert template.endswith("/main/infra/azuredeploy.json")
    assert form.endswith("/main/infra/createUiDefinition.json")
    owners = {address.split("/")[3:5] == template.split("/")[3:5] for address in (template, form)}
    assert owners == {True}
    assert {address.split("/")[2] for address in (template, form)} == {"raw.githubusercontent.com"}


def test_links_inside_the_page_lead_somewhere() -> None:
    """Each link to a section has its heading."""
    headings = {
        re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", PAGE, re.M)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= headings


def test_the_figures_follow_from_the_prices() -> None:
    """Whoever changes a price, or measures anew, sees which sums change with it."""
    second, execution, operation, log = 0.000026, 0.40, 0.00036 / 10_000, 2.30
    steady, tables, logs = 1_000_000 / 25, 6_000_000 * operation, 5 * 1_000_000 / 25 / 1_000_000 * log
    sums = {memory: memory * steady * second + execution + round(tables, 2) for memory in (2, 0.5)}
    figures = [
        f"${tables:.2f} at 6 operations",
        f"${logs:.2f} at 25 requests a second",
        f"**${sums[2]:.2f} at 2 GB, ${sums[0.5]:.2f} at 512 MB**",
        f"sampled ${sums[2] + logs:.2f}\nand ${sums[0.5] + logs:.2f}",
        f"${2 * 730 * 3600 * 0.000004:.2f}",
        f"${0.5 * 730 * 3600 * 0.000004:.2f}",
        f"{2 * 730 * 12:,} GB-seconds at 2 GB (else ${2 * 730 * 12 * second:.2f})",
        f"100 of 2 GB cost ${100 * 2 * 3600 * second:.2f} an hour",
    ]
    assert [figure for figure in figures if figure not in PAGE] == []


RATES = re.findall(r"^\| [^|]*? \| ([\d,]+) \| \$([\d.]+) \| \$([\d.]+) \|$", PAGE, re.M)


def test_each_rate_has_its_price() -> None:
    """Seconds of active instances, at two sizes of memory: of a million requests, and of what comes beside them."""
    priced = [each for each in RATES if each != ("0", "0", "0")]
    assert len(priced) == 5 + 4
    for seconds, large, small in priced:
        active = int(seconds.replace(",", "")) * 0.000026
        assert (f"{2 * active:.2f}", f"{active / 2:.2f}") == (large, small)


def test_the_packed_rates_are_the_measured_ones() -> None:
    """Those of the page that measures, so that a new measurement is not forgotten here."""
    measured = dict(re.findall(r"^\| (GET a user|PATCH a user) \| [\d.]+ \| (\d+) \|", BENCHMARKS, re.M))
    for name, words in (("GET a user", "reads"), ("PATCH a user", "PATCH")):
        assert f"packed: {words}, {measured[name]} a second | {1_000_000 / int(measured[name]):,.0f} |" in PAGE
