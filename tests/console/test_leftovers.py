"""Nothing is left over in the files of the console: each text, class and colour is used."""

import re

from scim.management.console import FOLDER

FROM_ANSWERS = {"added", "removed", "patch", "repair", "unreadable", "deleting", "federated"}
"""Names of texts that come from answers of the service: what became of a member, operations, states, kinds."""


def of_scripts(but: str = "") -> str:
    own = [each for each in FOLDER.glob("*.js") if each.name != but]
    return "\n".join(each.read_text() for each in (*own, FOLDER / "index.html"))


def is_in(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def test_each_text_is_shown_somewhere() -> None:
    """Who translates the page translates nothing in vain, and a text that lost its place is noticed."""
    names = set(re.findall(r"[{,\s](\w+): ['\"`{(]", (FOLDER / "texts.js").read_text()))
    scripts = of_scripts(but="texts.js")
    assert {each for each in names if not is_in(each, scripts)} == FROM_ANSWERS


def test_each_class_and_colour_of_the_style_is_used() -> None:
    """What lies in the style is loaded by everybody; names that begin with pico are those of the library."""
    style = re.sub(r"/\*.*?\*/", " ", (FOLDER / "style.css").read_text(), flags=re.DOTALL)
    classes = set(re.findall(r"\.([A-Za-z][\w-]*)", " ".join(re.findall(r"([^{}]+)\{", style))))
    colours = {each for each in re.findall(r"(--[\w-]+)\s*:", style) if not each.startswith("--pico")}
    scripts = of_scripts()
    assert [each for each in classes if not is_in(each, scripts)] == []
    assert [each for each in colours if f"var({each})" not in style + scripts] == []
