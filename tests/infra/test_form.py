"""The form behind the button: it asks for parameters that exist, offers what they take, and checks rights first."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra.template import INFRA, parameters

FORM: dict[str, Any] = json.loads((INFRA / "createUiDefinition.json").read_text(encoding="utf-8"))["parameters"]
OUTPUTS: dict[str, str] = FORM["outputs"]

# Functions that the portal's documentation lists for forms.
KNOWN_FUNCTIONS = {
    "and",
    "basics",
    "concat",
    "empty",
    "equals",
    "greater",
    "if",
    "int",
    "map",
    "not",
    "parse",
    "replace",
    "steps",
    "subscription",
    "toLower",
}
# What is shown, or asked of Azure, and read by no output.
SHOWN = {"Microsoft.Common.InfoBox", "Microsoft.Common.TextBlock", "Microsoft.Solutions.ArmApiControl"}


def elements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each element with the expression that reads its value."""
    for element in FORM["basics"]:
        yield f"basics('{element['name']}')", element
    for step in FORM["steps"]:
        for element in step["elements"]:
            yield f"steps('{step['name']}').{element['name']}", element


def choices() -> list[tuple[str, dict[str, Any]]]:
    """The elements that offer a list, with the parameter each one fills."""
    return [
        (parameter_of(reference), element)
        for reference, element in elements()
        if isinstance(constraints(element).get("allowedValues"), list)
    ]


def constraints(element: dict[str, Any]) -> dict[str, Any]:
    """The constraints of an element, empty without any."""
    found: dict[str, Any] = element.get("constraints", {})
    return found


def strings(value: Any) -> Iterator[str]:
    """Every text inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def parameter_of(reference: str) -> str:
    """The parameter whose output reads an element as its value, not as a condition for another."""
    readers = [
        name for name, text in OUTPUTS.items() if reference in re.sub(r"(equals|empty)\([^)]*\)[^)]*\)", "", text)
    ]
    return readers[0] if readers else ""


def test_outputs_are_parameters() -> None:
    """The portal refuses a form that fills a parameter the template does not have."""
    assert OUTPUTS.keys() <= parameters().keys()


def test_the_form_never_asks_for_the_token() -> None:
    """The token is made in the deployment; nobody types it."""
    assert not OUTPUTS.keys() & {name for name, item in parameters().items() if item.get("type") == "securestring"}


def test_the_right_to_assign_roles_is_checked_first() -> None:
    """Without it the deployment would fail half-way, after minutes."""
    checks = FORM["config"]["basics"]["resourceGroup"]["constraints"]["validations"]
    permissions = {check["permission"]: check["message"] for check in checks}
    assert "Microsoft.Authorization/roleAssignments/write" in permissions
    assert "Owner" in permissions["Microsoft.Authorization/roleAssignments/write"]


def test_boxes_start_unticked_as_in_the_template() -> None:
    """Whoever leaves a box alone gets what the template does without an answer."""
    boxes = {read: element for read, element in elements() if element["type"] == "Microsoft.Common.CheckBox"}
    filled = {read: name for read in boxes for name, text in OUTPUTS.items() if read in text}
    assert filled.keys() == boxes.keys()
    for read, box in boxes.items():
        assert parameters()[filled[read]]["defaultValue"] is box["defaultValue"] is False, read


def test_a_deleted_vault_can_be_brought_back() -> None:
    """Whoever deletes the group and presses the button again meets the name of a vault that is kept for 90 days."""
    assert OUTPUTS["recoverKeyVault"] == "[steps('more').recover]"


def test_each_element_is_read_by_an_output() -> None:
    """Nothing is asked that has no effect."""
    asked = [reference for reference, element in elements() if element["type"] not in SHOWN]
    assert [reference for reference in asked if not any(reference in text for text in OUTPUTS.values())] == []


def test_outputs_read_elements_that_exist() -> None:
    """A misspelt element would fill the parameter with nothing."""
    known = {reference for reference, _ in elements()}
    read = {found for text in OUTPUTS.values() for found in re.findall(r"basics\('\w+'\)|steps\('\w+'\)\.\w+", text)}
    assert read <= known


def test_expressions_use_functions_of_forms() -> None:
    """Functions of templates, such as split, do not exist in forms."""
    texts = [text for _, element in elements() for text in strings(element) if text.startswith("[")]
    expressions = [re.sub(r"'[^']*'", "''", text) for text in [*OUTPUTS.values(), *texts]]
    used = {name for text in expressions for name in re.findall(r"(\w+)\(", text)}
    assert used <= KNOWN_FUNCTIONS


@pytest.mark.parametrize(("name", "element"), choices(), ids=[name for name, _ in choices()])
def test_choices_are_values_that_the_parameter_takes(name: str, element: dict[str, Any]) -> None:
    """Each value on offer passes the limits of its parameter."""
    limits = parameters()[name]
    values = [choice["value"] for choice in constraints(element)["allowedValues"]]
    if "allowedValues" in limits:
        assert set(values) <= set(limits["allowedValues"])
    else:
        assert limits["minValue"] <= min(values)
        assert max(values) <= limits["maxValue"]


@pytest.mark.parametrize(("name", "element"), choices(), ids=[name for name, _ in choices()])
def test_choices_start_at_the_default_of_the_parameter(name: str, element: dict[str, Any]) -> None:
    """Form and template agree about what happens without an answer."""
    offered = {choice["label"]: choice["value"] for choice in constraints(element)["allowedValues"]}
    assert offered[element["defaultValue"]] == parameters()[name]["defaultValue"]


def test_text_boxes_are_checked() -> None:
    """Text that the deployment would refuse is refused in the form, with a sentence; the default passes."""
    boxes = [element for _, element in elements() if element["type"] == "Microsoft.Common.TextBox"]
    assert boxes
    for box in boxes:
        assert constraints(box)["validationMessage"].endswith("."), box["name"]
        assert re.fullmatch(constraints(box)["regex"], box["defaultValue"]), box["name"]


@pytest.mark.parametrize(
    ("reference", "good", "bad"),
    [
        ("steps('more').namePrefix", "scim2", "Scim-2"),
        ("steps('more').scimTenant", "contoso1", "Contoso1"),
        ("steps('more').ranges", "203.0.113.7/32, 198.51.100.0/24", "203.0.113.7"),
        ("steps('more').adminAddresses", "203.0.113.7, 198.51.100.0/24", "203.0.113"),
        ("basics('emails')", "idm@contoso.com, oncall@contoso.com", 'idm"@contoso.com'),
    ],
)
def test_text_patterns(reference: str, good: str, bad: str) -> None:
    """Lists are parsed as JSON from the text, so a quotation mark must not get through."""
    pattern = constraints(dict(elements())[reference])["regex"]
    assert re.fullmatch(pattern, good)
    assert not re.fullmatch(pattern, bad)


@pytest.mark.parametrize("name", ["allowedIpCidrs", "adminIpCidrs", "alertEmails"])
def test_lists_become_arrays(name: str) -> None:
    """Text with commas becomes the array that the parameter takes, empty text an empty one."""
    template = OUTPUTS[name]
    assert template.startswith("[if(empty(")
    assert "parse('[]')" in template
    assert "parse(concat('[\"', replace(replace(" in template
    assert parameters()[name]["defaultValue"] == []


def test_few_questions_come_first() -> None:
    """Region and mail are asked; everything else has an answer on a page that nobody needs to open."""
    asked = [element["name"] for element in FORM["basics"] if element["type"] not in SHOWN]
    assert asked == ["region", "emails"]
    for _, element in elements():
        required = constraints(element).get("required", False) and element["name"] != "region"
        assert not required or element["defaultValue"] != "", element["name"]


def test_only_regions_with_flex_consumption_are_offered() -> None:
    """Azure is asked which; the built-in list has them all and is hidden; a list stands by for an empty answer."""
    assert FORM["config"]["basics"]["location"] == {"visible": False}
    request = next(element["request"] for _, element in elements() if "request" in element)
    assert request["path"].endswith("&sku=FlexConsumption')]")
    region = dict(elements())["basics('region')"]["constraints"]["allowedValues"]
    assert region.startswith("[if(empty(basics('flexRegions').value), parse('[")
    fixed = json.loads(re.findall(r"parse\('(\[.*?\])'\)", region)[0])
    assert {choice["label"].replace(" ", "").lower() for choice in fixed} == {choice["value"] for choice in fixed}
    assert OUTPUTS["location"] == "[basics('region')]"


def test_numbers_are_sent_as_numbers() -> None:
    """A drop-down may hand out text, which the template refuses."""
    numbers = {name for name in OUTPUTS if parameters()[name].get("type") == "int"}
    assert numbers == {"instanceMemoryMB", "httpAlwaysReady", "logRetentionDays"}
    assert [name for name in numbers if "int(" not in OUTPUTS[name]] == []


def test_every_question_has_a_tool_tip() -> None:
    """Microsoft's template tests ask for one, and so does whoever fills in the form."""
    silent = [
        element["name"] for _, element in elements() if element["type"] not in SHOWN and not element.get("toolTip")
    ]
    assert silent == []


def test_every_pattern_is_bounded() -> None:
    """A text that the template would take as a list has a length; no element is named twice."""
    assert "{0,9}" in constraints(dict(elements())["basics('emails')"])["regex"]
    names = [reference for reference, _ in elements()]
    assert len(names) == len(set(names))


def test_the_last_page_says_what_is_made_and_what_it_costs() -> None:
    """Before the button is pressed, and for the answers that were given."""
    last = FORM["steps"][-1]
    assert last["name"] == "made"
    assert {element["type"] for element in last["elements"]} == {"Microsoft.Common.TextBlock"}
    conditional = [element["name"] for element in last["elements"] if element["visible"] is not True]
    assert conditional == ["premium", "warm", "alerts", "network"]
    assert all("$" in element["options"]["text"] for element in last["elements"] if element["name"] != "next")


def test_the_form_is_of_the_kind_that_the_portal_knows() -> None:
    """Schema, handler and version as documented, and every type of element from its list."""
    whole = json.loads((INFRA / "createUiDefinition.json").read_text(encoding="utf-8"))
    assert whole["handler"] == "Microsoft.Azure.CreateUIDef"
    assert f"/{whole['version']}/CreateUIDefinition" in whole["$schema"]
    kinds = {"CheckBox", "DropDown", "InfoBox", "OptionsGroup", "TextBlock", "TextBox"}
    known = {f"Microsoft.Common.{kind}" for kind in kinds} | SHOWN
    assert {element["type"] for _, element in elements()} <= known
