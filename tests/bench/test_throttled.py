"""A short run over a store that throttles, and what is complained of."""

from collections import Counter
from typing import Any

import pytest

from bench import throttled
from bench.soak import Pace, Soak
from bench.throttled import Grave, problems

SHORT = Pace(3.0, rate=0.0, users=15, groups=2, members=3, concurrency=4)
REPORT: dict[str, Any] = {"findings": []}


def test_the_group_is_gone_and_everybody_else_is_there() -> None:
    """Server, stand-in, Entra and the client that deletes play together, and the server says what it has seen."""
    soak, grave, report = throttled.play(SHORT, 120)

    assert list(problems(soak, grave, report)) == []
    assert grave.answers[-1] == 204
    assert report["entities"] > 100
    assert "DELETE of the large group | 204" in throttled.table(soak, grave, report)


def soak(**parts: Any) -> Soak:
    made = Soak("made up", **parts)
    made.measures.record("list", "200", 0.1)
    return made


@pytest.mark.parametrize(
    ("run", "grave", "report", "said"),
    [
        (soak(), Grave([503, 204], [0.1]), REPORT, []),
        (soak(complaints=Counter({"status 500": 2})), Grave([204], [0.1]), REPORT, ["made up: status 500, 2 times"]),
        (soak(), Grave([500], [0.1]), REPORT, ["DELETE of the group was answered [500]"]),
        (soak(), Grave([204], [0.1], 2), REPORT, ["the deleted group was seen again, 2 times"]),
        (soak(), Grave([204], [70.0]), REPORT, ["a client waited 70 s"]),
        (soak(), Grave([204], [0.1]), {"findings": ["a row is missing"]}, ["verify: a row is missing"]),
    ],
)
def test_each_problem_is_a_line(run: Soak, grave: Grave, report: dict[str, Any], said: list[str]) -> None:
    """What was lost, came back, or took too long makes the command fail."""
    assert list(problems(run, grave, report)) == said
