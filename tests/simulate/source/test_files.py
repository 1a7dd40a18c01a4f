"""A directory from a file."""

from pathlib import Path

import pytest

from scim.simulate.source.directory import Standing
from scim.simulate.source.files import UnusableFile, load
from scim.simulate.source.mapping import EMAIL

CSV = """userName,givenName,email,active,manager,groups
mira@x.example,Mira,m@x.example,,,Crew;Board
leif@x.example,"Leif, Jr",,false,MIRA@x.example,crew
"""
JSON = """{"users": [{"userName": "mira@x.example", "givenName": "Mira", "email": "m@x.example"},
 {"userName": "leif@x.example", "givenName": "Leif, Jr", "active": false, "manager": "MIRA@x.example", "email": null}],
 "groups": [{"displayName": "Crew", "members": ["mira@x.example", "LEIF@x.example"]},
 {"displayName": "Board", "members": ["mira@x.example"]}]}"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_and_json_of_the_same_people_are_the_same_directory(tmp_path: Path) -> None:
    """Both formats use the same short names, and match names whatever their case."""
    directory = load(written(tmp_path, "a.csv", CSV))

    assert directory == load(written(tmp_path, "a.json", JSON))
    mira, leif = directory.people.values()
    assert mira.attributes[EMAIL] == "m@x.example"
    assert EMAIL not in leif.attributes
    assert (leif.manager, leif.standing) == (mira.key, Standing.LEFT)
    assert {team.name: team.members for team in directory.teams.values()} == {
        "Crew": {mira.key, leif.key},
        "Board": {mira.key},
    }


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    """Spreadsheets write one."""
    assert len(load(written(tmp_path, "a.csv", "\ufeffuserName\nmira\n")).people) == 1


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "userName\nmira\n", "name the file .csv or .json"),
        ("a.csv", "", "holds no users"),
        ("a.csv", "userName,shoeSize\nmira,42\n", "line 2: there is no column 'shoeSize'; known are userName"),
        ("a.csv", "givenName\nMira\n", "line 2: userName is empty or missing"),
        ("a.csv", "userName\nmira\nMIRA\n", "line 3: userName MIRA occurs twice"),
        ("a.csv", "userName,externalId\nmira,1\nleif,1\n", "line 3: externalId 1 occurs twice"),
        ("a.csv", "userName,active\nmira,perhaps\n", "line 2: active must be true or false"),
        ("a.csv", "userName,manager\nmira,leif\n", "line 2: manager leif is no userName"),
        ("a.csv", "userName\nmira,x\n", "line 2: more cells than columns"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "[]", 'must be an object with a list "users"'),
        ("a.json", '{"users": [1]}', r"users\[0\]: must be an object"),
        ("a.json", '{"users": [{"userName": ["x"]}]}', '"userName" must be text'),
        ("a.json", '{"users": [{"userName": "x"}], "groups": 1}', '"groups" must be a list'),
        ("a.json", '{"users": [{"userName": "x"}], "groups": [{}]}', r'groups\[0\]: must have a "displayName"'),
        (
            "a.json",
            '{"users": [{"userName": "x"}], "groups": [{"displayName": "g", "members": ["y"]}]}',
            "member y of g",
        ),
    ],
)
def test_an_unusable_file_is_refused_with_the_place_and_the_remedy(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    """Whoever wrote the file reads what to change."""
    with pytest.raises(UnusableFile, match=words):
        load(written(tmp_path, name, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A slip in the path is no traceback."""
    with pytest.raises(UnusableFile, match="cannot be read"):
        load(tmp_path / "none.csv")
