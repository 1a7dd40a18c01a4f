"""An invented directory: the same seed gives the same people and teams, whatever their number."""

import unicodedata
from random import Random
from uuid import UUID

from scim.simulate.source.directory import Directory, Mark, Person, Team
from scim.simulate.source.mapping import COLUMNS

_GIVEN = (
    "Mira", "Tomás", "Åse", "Jürgen", "Noor", "Yuki", "Amara", "Leif", "Zoë", "Priya", "Ivan", "Chloé",
    "Mateus", "Aoife", "Bilal", "Freja", "Nils", "Sofía", "Wen", "Lucía",
)  # fmt: skip
_FAMILY = (
    "Solberg", "O'Neill", "Núñez", "Krüger", "Haddad", "Tanaka", "Okafor", "Bergström", "Novák", "Iyer",
    "Petrov", "Lefèvre", "Araújo", "D'Angelo", "Khan", "Østergaard", "Lindqvist", "Moreau", "Zhang", "Ibáñez",
)  # fmt: skip
_PLACES = (
    ("Oslo", "Oslo", "0150", "NO", "nb-NO", "+47 22 "), ("Zürich", "ZH", "8001", "CH", "de-CH", "+41 44 "),
    ("São Paulo", "SP", "01310-100", "BR", "pt-BR", "+55 11 "),
    ("Cork", "Munster", "T12 X70A", "IE", "en-IE", "+353 21 "), ("Osaka", "Osaka", "530-0001", "JP", "ja-JP", "+81 6 "),
    ("Austin", "TX", "78701", "US", "en-US", "+1 512 "),
)  # fmt: skip
_STREETS = ("Harbour Street", "Église Lane", "Mühlenweg", "Station Road", "Fjordgata", "Calle Mayor")
_DEPARTMENTS = ("Finance", "Research & Development", "Sales", "Legal", "IT", "Größen & Maße", "Procurement")
_TEAMS = ("Harbour Crew", "Night Watch", "Approvers", "Travel Desk", "Façade Guild", "Payroll", "Vendor Desk")
# Attributes that a real directory often lacks; a mover who gains one makes Entra send "Add".
_OPTIONAL = ("phone", "streetAddress", "region", "formatted", "preferredLanguage", "department", "employeeNumber")
_SPAN_OF_CONTROL = 8


def chance(seed: int, about: str) -> Random:
    """Return the dice for one object or moment of a seed; no secret hangs on them."""
    return Random(f"{seed}/{about}")  # noqa: S311


def identifier(source: Random) -> str:
    """Return an object id, as a random UUID in text."""
    return str(UUID(int=source.getrandbits(128), version=4))


def residence(source: Random) -> dict[str, str]:
    """Return where somebody works: address, language and phone, by short name."""
    locality, region, postal_code, country, language, dial = source.choice(_PLACES)
    return {
        "preferredLanguage": language,
        "formatted": f"Building {source.randint(1, 9)}, {locality}",
        "streetAddress": f"{source.randint(1, 250)} {source.choice(_STREETS)}",
        "locality": locality,
        "region": region,
        "postalCode": postal_code,
        "country": country,
        "phone": f"{dial}{source.randint(100, 999)} {source.randint(1000, 9999)}",
    }


def department(source: Random) -> str:
    """Return the name of a department."""
    return source.choice(_DEPARTMENTS)


def family_name(source: Random) -> str:
    """Return a family name."""
    return source.choice(_FAMILY)


def plain(name: str) -> str:
    """Return the name as a user name spells it: lower case, ASCII letters and apostrophes."""
    split = unicodedata.normalize("NFKD", name.lower().replace("ø", "o"))
    return "".join(letter for letter in split if letter.isascii() and not letter.isspace())


class Invention:
    """Makes person and team number n of a seed; each depends on the seed and n alone."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.mark = Mark(seed)
        self.people_made = 0
        self.teams_made = 0

    def person(self) -> Person:
        """Return the next person, with every attribute of the mapping but for a few that may lack."""
        number, self.people_made = self.people_made, self.people_made + 1
        source = chance(self.seed, f"person/{number}")
        given, family = source.choice(_GIVEN), family_name(source)
        key = identifier(source)
        login = f"{plain(given)}.{plain(family)}.{number}{self.mark.domain}"
        values = {"userName": login, "externalId": key, "email": login, "givenName": given, "familyName": family}
        values |= residence(source) | {"department": department(source), "employeeNumber": str(100_000 + number)}
        for name in _OPTIONAL:
            if source.random() < 0.1:
                del values[name]
        return Person(key, {COLUMNS[name]: value for name, value in values.items()})

    def team(self, people: list[Person], size: int) -> Team:
        """Return the next team with `size` of the people, or all when there are fewer."""
        number, self.teams_made = self.teams_made, self.teams_made + 1
        source = chance(self.seed, f"team/{number}")
        key, name = identifier(source), self.team_name(source.choice(_TEAMS), number)
        members = {person.key for person in source.sample(people, min(size, len(people)))}
        return Team(key, {"displayName": name, "externalId": key}, members)

    def team_name(self, word: str, number: int) -> str:
        return f"{word} {number}{self.mark.suffix}"

    def directory(self, users: int, groups: int, members: int) -> Directory:
        """Return `users` people in a tree of managers and `groups` teams of `members` people each."""
        made = Directory()
        people = [self.person() for _ in range(users)]
        for number, person in enumerate(people):
            person.manager = people[(number - 1) // _SPAN_OF_CONTROL].key if number else None
            made.add_person(person)
        for _ in range(groups):
            made.add_team(self.team(people, members))
        return made
