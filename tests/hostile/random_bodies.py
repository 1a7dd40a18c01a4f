"""Random requests with bodies of up to 4 MiB, of every kind that costs something: a seed gives one."""

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

from tests.hostile.inputs import Exchange

LARGEST = 4 * 1024 * 1024
SEEDS = 7
"""Bodies of each kind, from 1 KiB to 4 MiB; each is four times as large as the one before it."""
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
MARKS = "\u0300\u0316\u0327\u0345\u05b0\u302a\u20dd"
LETTERS = "aZ9 \u00e9\u0130\ufdfa\u1e9e\U0001f600\u4e2d"
LISTS = ("emails", "phoneNumbers", "roles", "ims", "entitlements")
TEXTS = ("title", "displayName", "nickName", "externalId", "userType", "locale", "userName")
PARTS = ("value", "type", "display")
OPERATORS = ("eq", "ne", "co", "sw", "ew", "gt", "le")


class Random(random.Random):
    """Makes parts of bodies, each of about so many characters as it is asked for.

    One in four is wild: then types are wrong and names unknown, and most are refused early.
    """

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self.wild = self.random() < 0.25

    def text(self, size: int) -> str:
        """Return letters of many scripts, or few with very many combining marks."""
        few = "".join(self.choices(MARKS if self.random() < 0.4 else LETTERS, k=min(size, 1_000)))
        return ("a" + few * (size // max(len(few), 1) + 1))[:size]

    def deep(self, size: int) -> Any:
        """Return objects and lists in each other."""
        levels = min(size // 6, self.choice([20, 200, 300_000]))
        inner = self.choice(["{}", "[]", "1"])
        opening = [self.choice(['{"value":', "["]) for _ in range(levels)]
        closing = ["}" if each[0] == "{" else "]" for each in reversed(opening)]
        return Written("".join(opening) + inner + "".join(closing))

    def value(self, size: int) -> Any:
        """Return a value of a list attribute."""
        kind = self.randrange(5)
        if kind == 0 and self.wild:
            return self.choice([{}, self.randrange(10**9), {"unknown": "x"}])
        if kind <= 2:
            return {"type": "work", "primary": self.random() < 0.1}
        part = min(size, self.choice([5, 20, 200]))
        return {"value": self.text(part)} | {name: self.text(4) for name in self.sample(PARTS[1:], self.randint(0, 2))}

    def values(self, size: int) -> list[Any]:
        """Return many of them."""
        one = max(2, len(json.dumps(self.value(size))))
        return [self.value(size) for _ in range(max(1, size // max(one, 12)))]

    def wide(self, size: int) -> dict[str, Any]:
        """Return an object with very many names."""
        return {f"{self.choice(TEXTS)}{number}": number for number in range(size // 16)}

    def numbers(self, size: int) -> list[Any]:
        """Return numbers of every length."""
        return [self.choice([7, -1.5e300, 10**18, 0.1]) for _ in range(size // 8)]

    def attributes(self, size: int) -> dict[str, Any]:
        """Return a user, of which one part is large."""
        user = {"userName": f"user{self.random()}"} | {name: self.text(5) for name in self.sample(TEXTS[:5], 2)}
        kind = self.randrange(6)
        if kind == 0:
            return user | {self.choice(TEXTS[:3]): self.text(size)}
        if kind == 1:
            return user | self.wide(size)
        if kind == 2:
            return user | {self.choice(LISTS) if self.wild else "unknown": self.numbers(size)}
        if kind == 3:
            return user | {self.choice(LISTS) if self.wild else "unknown": self.deep(size)}
        return user | {name: self.values(size // 3) for name in self.sample(LISTS, 3)}

    def comparison(self) -> str:
        """Return one comparison of a filter."""
        if self.wild and self.random() < 0.1:
            return self.choice(["unknown", "title eq", "((((", "emails[", 'members.$ref eq "x"'])
        if self.random() < 0.2:
            return f'{self.choice(LISTS)}[type eq "work" and value {self.choice(OPERATORS)} "a"]'
        path = self.choice([*TEXTS, "name.familyName", *(f"{name}.{part}" for name in LISTS for part in PARTS)])
        if self.random() < 0.2:
            return f"{path} pr"
        return f"{path} {self.choice(OPERATORS)} {json.dumps(self.text(self.choice([1, 5, 60])))}"

    def filter(self, size: int) -> str:
        """Return a filter of many comparisons, some in parentheses."""
        parts, length = [], 0
        while length < size:
            part = self.comparison()
            part = f"not ({part})" if self.random() < 0.2 else part
            parts += [part, self.choice([" and ", " or "])]
            length += len(part) + 4
        return "".join(parts[:-1])

    def operation(self, size: int) -> dict[str, Any]:
        """Return an operation of a PATCH."""
        lists, one = self.choice(LISTS), f'{self.choice(LISTS)}[type eq "{self.text(3)}"].value'
        kinds: list[tuple[str | None, Callable[[int], Any]]] = [
            (None, self.attributes),
            (self.choice(TEXTS[:3]), self.text),
            (lists, self.values),
            (one, self.text),
        ]
        path, make = self.choice(kinds)
        odd: list[Any] = [None, 7, [[]]]
        value = self.choice(odd) if self.wild else make(size)
        whole = {"op": self.choice(["add", "replace", "Add"]), "path": path, "value": value}
        return {name: each for name, each in whole.items() if each is not None}

    def operations(self, size: int) -> list[dict[str, Any]]:
        """Return few long operations or many short ones."""
        one = self.choice([20, 200, max(size // 3, 20)])
        return [self.operation(one) for _ in range(max(1, size // (2 * one + 60)))]


class Written(dict[str, Any]):
    """JSON that is too deep to be written by a function that calls itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def _json(body: Any, mark: str = "a place for what is written already") -> str:
    found: list[str] = []

    def replaced(value: Any) -> Any:
        if isinstance(value, Written):
            found.append(value.text)
            return mark
        if isinstance(value, dict):
            return {name: replaced(each) for name, each in value.items()}
        return [replaced(each) for each in value] if isinstance(value, list) else value

    first, *rest = json.dumps(replaced(body), ensure_ascii=False).split(f'"{mark}"')
    return first + "".join(f"{written}{text}" for written, text in zip(found, rest, strict=True))


Make = Callable[[Random, int, Mapping[str, str]], tuple[str, str, Any]]
"""Makes method, path and body of about so many characters."""


def _bulk(chance: Random, size: int, ids: Mapping[str, str]) -> tuple[str, str, Any]:
    one = chance.choice([60, 600, max(size // 2, 60)])
    made = [MAKE[chance.choice(["user", "patch", "members"])](chance, one, ids) for _ in range(max(1, size // one))]
    operations = [
        {"method": method, "path": path, "bulkId": f"b{number}", "data": body}
        for number, (method, path, body) in enumerate(made)
    ]
    return "POST", "/Bulk", {"schemas": [BULK], "Operations": operations}


def _members(chance: Random, size: int, ids: Mapping[str, str]) -> tuple[str, str, Any]:
    known = list(ids.values())
    members = [
        {"value": chance.choice(known) if chance.random() < 0.1 else f"{chance.getrandbits(128):032x}"}
        for _ in range(size // 46)
    ]
    if chance.random() < 0.5:
        return "POST", "/Groups", {"displayName": f"group{chance.random()}", "members": members}
    operation = {"op": chance.choice(["add", "remove", "replace"]), "path": "members", "value": members}
    return "PATCH", f"/Groups/{ids['group']}", {"schemas": [PATCH_OP], "Operations": [operation]}


def _patch(chance: Random, size: int, ids: Mapping[str, str]) -> tuple[str, str, Any]:
    path = chance.choice([f"/Users/{ids['user']}", f"/Groups/{ids['group']}"])
    return "PATCH", path, {"schemas": [PATCH_OP], "Operations": chance.operations(size)}


MAKE: dict[str, Make] = {
    "user": lambda chance, size, _: ("POST", "/Users", chance.attributes(size)),
    "replacement": lambda chance, size, ids: ("PUT", f"/Users/{ids['user']}", chance.attributes(size)),
    "group": lambda chance, size, _: ("POST", "/Groups", {"displayName": "x", **chance.attributes(size)}),
    "members": _members,
    "patch": _patch,
    "bulk": _bulk,
    "filter": lambda chance, size, _: (
        "POST",
        "/Users/.search",
        {"schemas": [SEARCH], "filter": chance.filter(min(size, 8_000)), "sortBy": chance.choice(TEXTS)},
    ),
    "broken": lambda chance, size, ids: MAKE[chance.choice(["user", "patch", "bulk"])](chance, size, ids),
}


def request(kind: str, seed: int, ids: Mapping[str, str]) -> tuple[Exchange, bytes]:
    """Return a request, and its body."""
    chance = Random(f"{kind} {seed}")
    size = 2 ** (10 + 12 * seed // (SEEDS - 1))
    method, path, body = MAKE[kind](chance, size, ids)
    content = _json(body).encode(errors="replace")[:LARGEST]
    if kind == "broken":
        at = chance.randrange(len(content))
        content = content[:at] + bytes(chance.choices(b'{}[]",:\\\xff\x00', k=3)) + content[at + 3 :]
    return Exchange(method, path), content
