"""The pictures of the console: small enough for a page, and the first that a visitor sees."""

import re

from tools.screenshots import IMAGES, ROOT


def test_each_picture_is_small_and_shown() -> None:
    """Less than 150 kB, and on a page."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = {name for page in pages for name in re.findall(r"images/([\w-]+\.png)", page.read_text(encoding="utf-8"))}
    there = {path.name: path.stat().st_size for path in IMAGES.glob("*.png")}
    assert set(there) <= shown
    assert max(there.values()) < 150_000


def test_the_first_picture_of_the_readme_is_the_console() -> None:
    """What it is, before a word is read."""
    first, *_ = re.findall(r"!\[.*?\]\((.*?)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert first == "docs/images/console-overview.png"
