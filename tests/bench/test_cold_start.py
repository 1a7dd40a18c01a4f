"""How the cold start benchmark reads what Python reports; what it measures is no matter of tests."""

import pytest

pytest.importorskip("azure_functions_runtime", reason="the benchmark runs under the language worker, on Python 3.13")

from bench import cold_start
from bench.hosts.stand_ins import TOKEN, stand_ins
from tests import azurite
from tools import package

REPORT = """import time: self [us] | cumulative | imported package
import time:       179 |        179 |   _io
import time:      1200 |       1500 |     azure.data.tables.aio
a warning that is no part of the report | 5 | x
import time:        21 |        300 | scim.app
"""


def test_own_times_are_read_and_other_lines_passed_over() -> None:
    """The own time counts, not the cumulative one, which has the imports of others in it."""
    assert list(cold_start._imports(REPORT)) == [(179, "_io"), (1200, "azure.data.tables.aio"), (21, "scim.app")]


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("scim.azure.vault", "scim"),
        ("azure.data.tables.aio._base", "azure.data.tables"),
        ("azure.keyvault.secrets._models", "azure.keyvault.secrets"),
        ("azure.identity.aio", "azure.identity"),
        ("email.header", "Python itself"),
        ("aiohttp", "aiohttp"),
    ],
)
def test_each_module_counts_for_its_distribution(module: str, package: str) -> None:
    """The SDKs share the name `azure`, and are told apart."""
    assert cold_start._package(module) == package


def test_the_table_names_the_trivial_app_as_the_measure() -> None:
    """Each start is compared with the compiled trivial app, by the median."""
    trivial = cold_start.Start("trivial app", cold_start.HERE / "trivial", (), 200, wall=[0.2, 9.0, 0.1], cpu=[0.1])
    scim = cold_start.Start("SCIM", cold_start.HERE / "scim-source", (), 200, wall=[0.3], cpu=[0.25])

    assert list(cold_start._starts_table([trivial, scim], 3))[-2:] == [
        "| trivial app | yes | 200 | 100 | 1.00 | 1.00 |",
        "| SCIM | no | 300 | 250 | 1.50 | 2.50 |",
    ]


def test_a_start_as_deployed_answers() -> None:
    """Over the stand-ins for vault, identity and Table Storage, which the real clients take for the real ones."""
    with azurite.running() as storage, stand_ins() as azure:
        asked = ("ListUsers", cold_start.USERS, TOKEN)
        start = cold_start.Start("SCIM", package.ROOT, asked, 200, {**azure, "SCIM_STORAGE": storage})
        start.run()
    assert len(start.cpu) == 1
