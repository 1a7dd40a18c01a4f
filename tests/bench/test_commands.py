"""The measuring commands run, in small: their figures are no test, but that they come is."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from bench.page.machine import ROOT


def run(*arguments: str) -> str:
    """Run a module of bench and return what it prints."""
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_processor_time_is_told_for_each_operation() -> None:
    """Ten operations, each with all of its time, the store's part and the rest."""
    lines = run("bench.cpu", "--users", "20", "--rounds", "1").splitlines()[2:]

    assert len(lines) == 10
    for line in lines:
        total, store, own = (float(each.strip(" *")) for each in line.split("|")[2:5])
        assert min(store, total) > 0  # measured apart: which is larger is the machine's, with so few operations
        assert own == pytest.approx(total - store, abs=0.002)


@pytest.mark.skipif(
    find_spec("azure_functions_runtime") is None,
    reason="the language worker of Azure Functions is published for Python 3.13 and later only",
)
def test_the_worker_is_compared_with_the_bare_sdk() -> None:
    """Every operation has calls to repeat, and both sides of the comparison a figure."""
    lines = run("bench.worker", "--operations", "8", "--rounds", "1").splitlines()[2:]

    assert len(lines) == 5
    for line in lines:
        calls, ours, bare = (float(each.replace(",", "")) for each in line.split("|")[2:5])
        assert calls >= 2
        assert ours > 0
        assert bare > 0


def test_a_large_change_is_measured_over_both_stores() -> None:
    """What is seen after a crash is a part, and hiding it writes more rows than the change itself."""
    printed = run("bench.large_change", "--members", "80").splitlines()
    lines = {line.split("|")[1].strip(): line.split("|")[2:4] for line in printed}

    assert [cell.strip() for cell in lines["members that are seen after a crash half way"]] == ["32", "32"]
    rows = [int(cell.split(",")[1]) for cell in lines["its transactions, rows"]]
    hidden = [int(cell.split(",")[0]) for cell in lines["hidden until it is whole: rows, s"]]
    assert all(more > few for more, few in zip(hidden, rows, strict=True))


def test_a_month_of_requests_is_measured() -> None:
    """The overview and three kinds of pages, each with its calls and rows."""
    written, *lines = run("bench.overview", "--sqlite", "--requests", "20000").splitlines()

    assert written.startswith("20,000 requests over 30 days")
    rows = [int(line.split(", ")[-1].removesuffix(" rows").replace(",", "")) for line in lines]
    assert len(rows) == 4
    assert rows[0] < 800


def test_the_journal_is_compared_under_entra_s_traffic() -> None:
    """Side by side, in one run."""
    pair, median = run("bench.journal", "--soak", "1", "--pairs", "1", "--sqlite").splitlines()

    assert "without" in pair
    assert float(median.split()[2]) > 0


def test_the_noise_of_a_tenant_is_served_as_far_as_its_limit_goes() -> None:
    """Each kind has its row: of a thousand with a valid token a burst and more are served, of the others none."""
    lines = run("bench.noisy", "--windows", "1", "--seconds", "1").splitlines()[1:]

    served = [int(line.split("|")[2]) for line in lines]
    assert len(served) == 5
    assert all(200 <= each < 1_000 for each in served[:2])
    assert all(0 < each < 200 for each in served[2:4])  # pages count for several
    assert served[4] == 0


def test_what_tenants_cost_is_measured() -> None:
    """Four figures, of which the last is that of the timer."""
    lines = run("bench.tenants", "--sqlite", "--tenants", "3").splitlines()

    assert len(lines) == 4
    assert all(float(line.rpartition(": ")[2]) > 0 for line in lines)


def test_hostile_inputs_are_measured_one_by_one() -> None:
    """Each in a row with what it took before and takes now."""
    lines = run("bench.hostile", "--users", "20", "--at-once", "1", "--only", "labels").splitlines()

    assert len(lines) == 3


def test_activations_are_counted_with_seats_and_without() -> None:
    """One row for one client and one for eight, each with a ratio."""
    lines = run("bench.seats", "--rounds", "16", "--repeat", "1").splitlines()[1:]

    assert [line.split("|")[1].strip() for line in lines] == ["1", "8"]
    assert all(float(line.split("|")[4]) > 0 for line in lines)
