"""What wakes somebody: one rule for each thing that goes wrong, and queries that can be read."""

import ast
import json
import re
from typing import Any

import pytest

from scim.azure.patience import THROTTLED
from scim.azure.tables import MISSING
from scim.service.routes import ANYWHERE, APPLICATION, TEMPLATE
from tests.infra.template import ROOT, of_kind, source, the

RULE = "Microsoft.Insights/scheduledQueryRules"
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
# Tables of Application Insights, and the operators that the queries use (https://learn.microsoft.com/kusto/query/).
TABLES = {"requests", "traces", "exceptions", "dependencies"}
OPERATORS = {"where", "extend", "summarize", "project", "distinct", "join", "count", "parse", "union"}


def rules() -> dict[str, dict[str, Any]]:
    """The alert rules by the end of their names."""
    stem = the("premium", "Microsoft.Web/sites").name.removeprefix("func-")
    return {each.name.removeprefix(f"{stem}-"): each.properties for each in of_kind("premium", RULE)}


def query(name: str) -> str:
    """The query of a rule."""
    (condition,) = rules()[name]["criteria"]["allOf"]
    return str(condition["query"])


def test_no_mail_address_no_alert() -> None:
    """Each rule is billed, so there is none that nobody reads."""
    assert of_kind("defaults", RULE) == of_kind("defaults", "Microsoft.Insights/actionGroups") == []


def test_the_rules() -> None:
    """Errors, refused tokens, slowness, throttling, a table that is gone, and silence."""
    assert {name: (rule["severity"], rule["windowSize"]) for name, rule in rules().items()} == {
        "server-errors": (1, "PT5M"),
        "refused-tokens": (2, "PT5M"),
        "slow-answers": (3, "PT15M"),
        "throttled": (3, "PT15M"),
        "missing-table": (0, "PT5M"),
        "silence": (2, "P2D"),
        "remarkable": (2, "PT15M"),
    }


@pytest.mark.parametrize("name", rules())
def test_a_rule_fires_when_its_query_finds_anything(name: str) -> None:
    """Whoever writes a query writes its threshold into it."""
    (condition,) = rules()[name]["criteria"]["allOf"]
    assert (condition["timeAggregation"], condition["operator"], condition["threshold"]) == ("Count", "GreaterThan", 0)


@pytest.mark.parametrize("name", rules())
def test_a_query_can_be_read(name: str) -> None:
    """As far as can be told without Azure: a table, known operators, and every bracket and quotation mark closed."""
    table, *steps = re.sub(r'"[^"]*"', '""', query(name)).split("|")
    assert table.strip() in TABLES
    assert {step.split()[0] for step in steps} <= OPERATORS
    assert query(name).count('"') % 2 == 0
    assert query(name).count("(") == query(name).count(")")


@pytest.mark.parametrize("name", rules())
def test_each_alert_is_explained(name: str) -> None:
    """Whoever gets the mail finds the rule and its figures."""
    assert f"`{name}`" in PAGE


def excluded(name: str) -> set[str]:
    """The functions that a query leaves out."""
    (listed,) = re.findall(r"name !in \(([^)]*)\)", query(name))
    return set(re.findall(r'"(\w+)"', listed))


def test_only_what_clients_call_counts_as_refused_tokens() -> None:
    """A scanner that asks for `/.env` is no client with a wrong token; a wrong token of the operator is."""
    assert excluded("refused-tokens") == {"Deliver", "Health", "Maintenance", ANYWHERE}


def test_only_scim_requests_break_the_silence() -> None:
    """The host tells functions apart by name, whatever tenant is in the path; a new function is one or the other."""
    source = (ROOT / "function_app.py").read_text(encoding="utf-8")
    others = set(re.findall(r'_register\(\s*"(\w+)"|async def (\w+)\(\w+: func\.[TQ]', source))
    assert excluded("silence") == {name for pair in others for name in pair if name} | {ANYWHERE} | APPLICATION


def test_each_tenant_s_silence_is_its_own() -> None:
    """One whose provisioning has stopped is not hidden by the others, and one that never began alarms nobody."""
    (condition,) = rules()["silence"]["criteria"]["allOf"]
    assert condition["dimensions"] == [{"name": "tenant", "operator": "Include", "values": ["*"]}]
    assert 'split(url, "/")[3]' in query("silence")
    assert ["https:", "", "scim.example", "a0123", "v2", "Users"][3] == "a0123"
    assert TEMPLATE.startswith("{tenant}/")


def test_an_application_that_asks_is_not_entra() -> None:
    """It reads the feed every minute, and asks at each sign-in: that would hide that Entra has stopped."""
    assert {"GetAccess", "GetKeys", "ListEvents", "PollSets", "SearchAccess"} == APPLICATION


WATCHED = json.loads(source("log-lines.json"))
"""Lines of the log that one rule waits for: what each is about, and the level from which on it counts."""
LEVELS = {"warning": 2, "error": 3, "exception": 3}


def lines_of_the_log() -> list[tuple[str, int]]:
    """Every text in a module of the service that logs, with the highest level at which that module does."""
    found: list[tuple[str, int]] = []
    for path in sorted((ROOT / "scim").rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        levels = [LEVELS[node.attr] for node in nodes if isinstance(node, ast.Attribute) and node.attr in LEVELS]
        texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        found += [(text, max(levels)) for text in texts if levels]
    return found


@pytest.mark.parametrize("watched", WATCHED, ids=[each["line"] for each in WATCHED])
def test_each_line_that_an_alert_waits_for_is_written(watched: dict[str, Any]) -> None:
    """A line that was worded anew, or is no error any more, would be waited for in vain."""
    written = lines_of_the_log()
    assert any(watched["line"] in text and watched["level"] <= level for text, level in written)
    assert f"`{watched['about']}`" in OPERATIONS, "docs/operations.md says what to do about it"


def test_the_rule_waits_for_the_lines_of_the_list() -> None:
    """Each with the level from which on it counts: a webhook's first failure wakes nobody, the third one does."""
    condition = r'message has "([^"]+)" and severityLevel >= (\d), "(\w+)"'
    waited = [(line, int(level), about) for line, level, about in re.findall(condition, query("remarkable"))]
    assert waited == [(each["line"], each["level"], each["about"]) for each in WATCHED]


def test_one_rule_tells_each_thing_apart() -> None:
    """Each rule is billed; a dimension makes a mail of its own for each thing."""
    (condition,) = rules()["remarkable"]["criteria"]["allOf"]
    assert condition["dimensions"] == [{"name": "about", "operator": "Include", "values": ["*"]}]
    assert len(rules()) == 7


def test_the_workbook_asks_what_there_is() -> None:
    """It reads the tables that the alerts read, and each of its queries can be read."""
    workbook = json.loads(source("workbook.json"))
    queries = [item["content"]["query"] for item in workbook["items"] if item["type"] == 3]
    assert len(queries) == 5
    for text in queries:
        table, *steps = re.sub(r'"[^"]*"', '""', text).split("|")
        assert table.strip() in TABLES
        assert {step.split()[0] for step in steps} <= OPERATORS
        assert text.count("(") == text.count(")")
    (made,) = of_kind("defaults", "Microsoft.Insights/workbooks")
    assert json.loads(made.properties["serializedData"]) == workbook


def test_storage_that_throttles_is_read_from_the_line_that_says_so() -> None:
    """Table Storage never sends 429, and a call that was repeated with success is no failed request."""
    assert THROTTLED.partition(" (")[0] in query("throttled")


def test_a_table_that_is_gone_wakes_somebody_at_once() -> None:
    """By the line in the log: a client that gives up sends no further requests."""
    beginning, end = MISSING.split("'%s'")
    assert f'startswith "{beginning.strip()}"' in query("missing-table")
    assert f'endswith "{end.strip()}"' in query("missing-table")


def test_the_probe_is_made_when_asked_for() -> None:
    """It asks the health URL, which needs no token."""
    (test,) = of_kind("premium", "Microsoft.Insights/webtests")
    assert "/health" in test.properties["Request"]["RequestUrl"]
    assert of_kind("premium", "Microsoft.Insights/metricAlerts")
