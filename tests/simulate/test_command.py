"""The command line: exit codes, one-line errors, JSON, cleaning."""

import json
from pathlib import Path

import pytest

from scim.simulate.__main__ import main
from tests.simulate.stand_in import StandIn, error

SMALL = ["--users", "8", "--groups", "2", "--members", "3", "--seed", "5", "--quiet"]


def run(endpoint: tuple[str, str], *options: str) -> int:
    return main([endpoint[0], "--token", endpoint[1], *SMALL, *options])


def test_an_equal_run_ends_with_0_and_the_log(endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The tables tell what was done and that the endpoint equals the directory."""
    assert run(endpoint) == 0

    printed = capsys.readouterr().out
    assert "Provisioning log" in printed
    assert "Equal: " in printed
    assert "Differences" not in printed


def test_answers_that_look_like_errors_and_are_none_are_labelled(
    endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What was deleted must be gone, so 404 is what the simulator wants to read there."""
    assert run(endpoint) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "404" in line]
    assert lines
    assert all("read deleted" in line and "as expected" in line for line in lines)


def test_a_difference_ends_with_1_and_is_shown(
    stand_in: StandIn, endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The failure carries the endpoint's own words, the difference the user's name."""
    stand_in.fault = lambda seen: (
        error(400, "no employee today") if seen.method == "POST" and ".3@" in str(seen.body) else None
    )
    assert run(endpoint, "--cycles", "0") == 1

    printed = capsys.readouterr().out
    assert "no employee today" in printed
    assert "never created or matched" in printed
    assert "Not equal" in printed


def test_json_is_one_document_with_counts_latencies_failures_and_differences(
    endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Machines get everything the tables show."""
    assert run(endpoint, "--json", "--cycles", "1") == 0

    document = json.loads(capsys.readouterr().out)
    assert document["equal"] is True
    assert (document["differences"], document["failures"]) == ([], [])
    assert document["log"]["user"]["created"] >= 8
    assert document["requests"]["create Users"].keys() == {"count", "p50_ms", "p99_ms", "statuses"}
    assert [cycle["name"] for cycle in document["cycles"]] == ["Initial cycle", "Incremental cycle 1"]


def test_the_second_run_creates_nothing(endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The command can be repeated against one endpoint."""
    assert run(endpoint, "--cycles", "0") == 0
    capsys.readouterr()
    assert run(endpoint, "--cycles", "0", "--json") == 0

    log = json.loads(capsys.readouterr().out)["log"]
    assert (log["user"]["created"], log["group"]["created"]) == (0, 0)


def test_the_whole_default_run_can_be_repeated(endpoint: tuple[str, str]) -> None:
    """What one run left behind, changes included, does not disturb the next."""
    assert [run(endpoint) for _ in range(3)] == [0, 0, 0]


def test_clean_deletes_what_the_seed_created_and_nothing_else(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """Resources of others, and of another seed, stay."""
    stand_in.resources["Users"]["real"] = {"id": "real", "userName": "real@x.example"}
    stand_in.resources["Users"]["other"] = {"id": "other", "userName": "a@seed55.simulate.example"}
    assert run(endpoint, "--clean") == 0

    assert stand_in.resources == {"Users": stand_in.resources["Users"], "Groups": {}}
    assert stand_in.resources["Users"].keys() == {"real", "other"}


def test_clean_only_sends_nothing_but_lists_and_deletions(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """An interrupted run can be cleaned up after."""
    run(endpoint)
    stand_in.requests.clear()
    assert run(endpoint, "--clean-only") == 0

    assert stand_in.resources == {"Users": {}, "Groups": {}}
    assert {seen.method for seen in stand_in.requests} == {"GET", "DELETE"}


def test_a_file_is_provisioned_and_cleaning_spares_who_was_there_before(
    stand_in: StandIn, endpoint: tuple[str, str], tmp_path: Path
) -> None:
    """With real names in a file, only what this run created is deleted."""
    path = tmp_path / "people.csv"
    path.write_text("userName,email,groups\nmira@x.example,m@x.example,Crew\nleif@x.example,,Crew\n", encoding="utf-8")
    stand_in.resources["Users"]["real"] = {"id": "real", "userName": "Mira@x.example", "active": True}

    assert run(endpoint, "--directory", str(path), "--clean") == 0
    assert stand_in.resources["Users"].keys() == {"real"}
    assert stand_in.user("mira@x.example")["emails"][0]["value"] == "m@x.example"
    assert stand_in.resources["Groups"] == {}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["localhost:7071", "--token", "x"], "is no Tenant URL; write it as https://host/scim/v2"),
        (["http://h:99999/scim", "--token", "x"], "is no Tenant URL"),
        (["", "--token", "x"], "'' is no Tenant URL"),
        (["http://127.0.0.1:1/scim/v2"], "pass it with --token or --token-file"),
        (["http://127.0.0.1:1", "--token", "a b"], "the token must be printable ASCII"),
        (["http://127.0.0.1:1", "--token-file", "none.txt"], "--token-file none.txt cannot be read"),
        (["http://127.0.0.1:1", "--token", "x", "--users", "many"], "argument --users: many is not a number"),
        (["http://127.0.0.1:1", "--token", "x", "--movers", "101"], "--movers: 101 is not between 0 and 100"),
        (["http://127.0.0.1:1", "--token", "x", "--dialect", "both "], "argument --dialect: invalid choice"),
        (["http://127.0.0.1:1", "--token", "x", "--directory", "none.csv"], "none.csv: cannot be read"),
        (["--token", "x", "--clean-only", "--directory", "none.csv"], "knows its objects by the seed"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The line says what to change."""
    assert main(argv) == 2

    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_an_endpoint_that_is_not_there_ends_with_1_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With what to look at."""
    assert main(["http://127.0.0.1:1/scim/v2", "--token", "x"]) == 1

    printed = capsys.readouterr()
    assert "cannot be reached" in printed.err
    assert "the endpoint runs: `make run` in another terminal." in printed.err
    assert (printed.err.count("\n"), printed.out) == (1, "")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("long.csv", b"userName\n" + b"a" * 200_000, "line 1: is not CSV: field larger than field limit"),
        ("deep.json", b"[" * 100_000, "is not JSON"),
        ("latin.csv", b"userName\nz\xf6e", "is not UTF-8 text"),
        ("folder.csv", None, "cannot be read: Is a directory"),
    ],
)
def test_a_file_that_is_no_directory_ends_with_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, words: str
) -> None:
    """Whatever is in it."""
    path = tmp_path / name
    path.mkdir() if content is None else path.write_bytes(content)
    assert main(["http://127.0.0.1:1", "--token", "x", "--directory", str(path)]) == 2

    told = capsys.readouterr().err
    assert told.startswith(f"scim simulate: {path}")
    assert words in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "refused the token (401 the endpoint's words). Pass its secret token with --token."),
        (404, "has no /Users (404). Pass the Tenant URL, which ends before /Users"),
        (500, "fails Test Connection: 500 InternalServerError: the endpoint's words"),
        (302, "does not answer as SCIM does"),
    ],
)
def test_an_endpoint_that_fails_test_connection_ends_with_1_and_one_line(
    stand_in: StandIn, endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str], status: int, words: str
) -> None:
    """A wrong URL and a wrong token are told apart."""
    stand_in.fault = lambda _: error(status, "the endpoint's words")
    assert run(endpoint, "--json") == 1

    printed = capsys.readouterr()
    assert words in printed.err
    assert json.loads(printed.out)["error"] == printed.err.removeprefix("scim simulate: ").strip()


def test_an_endpoint_that_ignores_filters_cannot_start(
    stand_in: StandIn, endpoint: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every match query would hit, and the simulator would write into other people's users."""
    stand_in.resources["Users"]["real"] = {"id": "real", "userName": "real@x.example"}
    stand_in.fault = lambda seen: stand_in.respond(
        type(seen)(seen.method, seen.path, "", {}, None), seen.path.strip("/"), None
    )
    assert run(endpoint) == 1
    assert "the filter is ignored" in capsys.readouterr().err
    assert {seen.method for seen in stand_in.requests} == {"GET"}


def test_the_flag_in_the_tenant_url_chooses_its_dialect(stand_in: StandIn, endpoint: tuple[str, str]) -> None:
    """As in Entra, where the administrator puts the flag into the Tenant URL."""
    assert main([f"{endpoint[0]}?aadOptscim062020", "--token", endpoint[1], *SMALL]) == 0

    ops = {operation["op"] for seen in stand_in.sent("PATCH") for operation in seen.body["Operations"]}
    assert ops <= {"add", "replace", "remove"}


def test_the_token_can_come_from_a_file(endpoint: tuple[str, str], tmp_path: Path) -> None:
    """A token in a file is seen by no other user of the machine."""
    path = tmp_path / "token"
    path.write_text(f"{endpoint[1]}\n", encoding="utf-8")

    assert main([endpoint[0], "--token-file", str(path), "--cycles", "0", *SMALL]) == 0


def test_every_option_is_documented() -> None:
    """docs/simulate.md lists each option that --help lists."""
    from scim.simulate.options import parser

    text = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text(encoding="utf-8")
    options = [name for action in parser()._actions for name in action.option_strings if name.startswith("--")]
    assert [name for name in options if f"`{name}" not in text and name != "--help"] == []


def test_the_sample_files_of_the_documentation_load(tmp_path: Path) -> None:
    """What the documentation shows can be pasted into a file."""
    from scim.simulate.source.files import load

    text = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text(encoding="utf-8")
    for kind in ("csv", "json"):
        path = tmp_path / f"sample.{kind}"
        path.write_text(text.split(f"```{kind}\n")[1].split("```")[0], encoding="utf-8")
        assert len(load(path).people) > 1
        assert load(path).teams
