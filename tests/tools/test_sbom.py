"""What a release contains, as others read it."""

import re
from typing import Any

from tools import sbom
from tools.package import lock_file


def test_every_dependency_of_the_package_is_named_with_its_hash() -> None:
    """Whoever looks for a vulnerable version finds it by its package URL."""
    document: dict[str, Any] = sbom.document("3.13")
    lines = [line for line in lock_file("3.13").read_text().splitlines() if not line.startswith("#")]
    installed = [each for each in document["components"] if each["purl"].startswith("pkg:pypi/")]
    assert len(installed) == len(lines)
    for line, component in zip(lines, installed, strict=True):
        assert line.startswith(f"{component['name']}=={component['version']} ")
        assert re.fullmatch(r"pkg:pypi/[a-z0-9._-]+@[0-9][\w.]*", component["purl"])
        assert all(re.fullmatch("[0-9a-f]{64}", each["content"]) for each in component["hashes"])
        assert component["hashes"]


def test_it_is_cyclonedx_of_this_version() -> None:
    """The document names its form and what it is about, and says that the product needs all of it."""
    document: dict[str, Any] = sbom.document("3.13")
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["version"] == sbom.version()
    (dependencies,) = document["dependencies"]
    assert dependencies["dependsOn"] == [each["bom-ref"] for each in document["components"]]
    assert len(set(dependencies["dependsOn"])) == len(dependencies["dependsOn"])
