"""The grammar of filters and attribute paths: text in, a frozen tree out. RFC 7644 §3.4.2.2, §3.5.2, §3.10."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from scim.protocol.errors import InvalidFilter, InvalidPath, ScimError

MAX_LENGTH = 8 * 1024
"""Longest filter or path, in characters."""
MAX_DEPTH = 16
"""Deepest nesting of parentheses, `not` and value paths."""
MAX_TERMS = 200
"""Most comparisons in one filter."""
OPERATORS = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"})

STRING = r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'"
"""A string as a pattern: in the quotes of JSON, or in single quotes, which several servers and clients use."""
_TOKEN = re.compile(rf'\s*(?:(?P<string>{STRING})|(?P<mark>[()\[\]])|(?P<word>[^\s()\[\]"]+))', re.DOTALL)
_FOREIGN = re.compile("['`&%\u00b4\u2018-\u201f\u2032\u2033\u00ab\u00bb\u2039\u203a\uff02\uff07]")
"""What no value without quotes may hold: quotes of other kinds, and what an address encoded twice leaves behind."""
_ESCAPED = re.compile(r'\\.|"', re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,39})(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
"""A number of JSON, of a length that Python is sure to read; a longer one counts as text."""
_ATTRIBUTE = re.compile(r"(?P<urn>(?i:urn):[^\s\"\[\]()]+:)?(?P<names>[A-Za-z$][\w$-]*(?:\.[A-Za-z$\d][\w$-]*)*)")
_STRING = json.JSONDecoder(strict=False)
_KEYWORDS = {"true": True, "false": False, "null": None}

Value = str | bool | int | float | None


@dataclass(frozen=True, slots=True)
class AttributePath:
    """An attribute as a client names it: schema URN or "", attribute, sub-attribute or "", each as written."""

    urn: str
    name: str
    sub: str = ""

    def __str__(self) -> str:
        return (f"{self.urn}:" if self.urn else "") + self.name + (f".{self.sub}" if self.sub else "")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One attribute against one value; `text` is the value as written, without the quotes of a string."""

    path: AttributePath
    operator: str
    value: Value = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class And:
    """All terms hold."""

    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one term holds."""

    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold."""

    term: "Filter"


@dataclass(frozen=True, slots=True)
class ValuePath:
    """One and the same value of a complex attribute fulfils the inner filter."""

    path: AttributePath
    filter: "Filter"


@dataclass(frozen=True, slots=True)
class Among:
    """The resource's id is one of these; no text says so, but a search that knows an answer already puts it here."""

    ids: frozenset[str]


Filter = Comparison | And | Or | Not | ValuePath | Among


@dataclass(frozen=True, slots=True)
class Path:
    """The target of a PATCH operation: an attribute, perhaps a value filter, perhaps a sub-attribute behind it."""

    attribute: AttributePath
    filter: Filter | None = None


def parse_filter(text: str) -> Filter:
    """Return the tree of a filter; `and` binds tighter than `or`, both are left-associative.

    Operators and keywords match whatever their case. Beyond the RFC, as clients send them: a value in single quotes or
    without any is taken as a string, and `emails[type eq "work"].value eq "x"` compares within the selected value, as
    does the same without `.value`.

    Raises InvalidFilter when the text is no filter or is over a limit of length, depth or number of terms.
    """
    parser = _Parser(text, InvalidFilter)
    tree = parser.disjunction(0)
    if not parser.at_end():
        raise InvalidFilter(f"The filter goes on where it should end, at '{parser.peek()[:60]}'.")
    return tree


@lru_cache(maxsize=256)
def parse_path(text: str) -> Path:
    """Return the target that the path of a PATCH operation names.

    Raises InvalidPath when the text is no path or is over a limit.
    """
    parser = _Parser(text, InvalidPath)
    attribute = parser.attribute()
    if not parser.take("["):
        tree: Filter | None = None
    else:
        tree = parser.disjunction(1)
        parser.expect("]")
        if not parser.at_end():
            attribute = replace(attribute, sub=parser.sub_attribute())
    if not parser.at_end():
        raise InvalidPath(f"The path goes on where it should end, at '{parser.peek()[:60]}'.")
    return Path(attribute, tree)


def has_brackets(text: str) -> bool:
    """Whether a text is the name of an attribute with brackets behind it, whatever stands in them."""
    name = re.split(r"[\[\]]", text, maxsplit=1)[0]
    return len(name) < len(text) and _ATTRIBUTE.fullmatch(name.strip()) is not None


def parse_attribute(text: str) -> AttributePath:
    """Return the attribute that `attributes`, `excludedAttributes` or `sortBy` names.

    Raises InvalidPath when the text is no attribute name.
    """
    path = parse_path(text)
    if path.filter is not None:
        raise InvalidPath(f"'{text[:100]}' must be an attribute name without a filter.")
    return path.attribute


def comparisons(tree: Filter) -> Iterator[tuple[AttributePath | None, Comparison]]:
    """Yield every comparison of a filter with the value path around it, if there is one."""
    match tree:
        case Comparison():
            yield None, tree
        case ValuePath(path, inner):
            for _, comparison in comparisons(inner):
                yield path, comparison
        case Not(term):
            yield from comparisons(term)
        case And(terms) | Or(terms):
            for term in terms:
                yield from comparisons(term)


class _Parser:
    """Recursive descent over the tokens of one text; its depth is bounded, so the stack is too."""

    def __init__(self, text: str, error: type[ScimError]) -> None:
        self._error = error
        if len(text) > MAX_LENGTH:
            raise error(f"The expression has {len(text):,} characters; the limit is {MAX_LENGTH:,}.")
        self._tokens = self._scan(text)
        self._position = 0
        self._terms = 0
        if not self._tokens:
            raise error("The expression is empty.")

    def _scan(self, text: str) -> list[str]:
        tokens, position, end = [], 0, len(text.rstrip())
        while position < end:
            token = _TOKEN.match(text, position)
            if token is None:
                raise self._error(f"A string is not closed with a quote, at '{text[position : position + 30]}'.")
            tokens.append(token.group(token.lastgroup or 0))
            position = token.end()
        return tokens

    def at_end(self) -> bool:
        return self._position == len(self._tokens)

    def peek(self) -> str:
        return "" if self.at_end() else self._tokens[self._position]

    def next(self) -> str:
        if self.at_end():
            raise self._error("The expression ends too early.")
        self._position += 1
        return self._tokens[self._position - 1]

    def take(self, token: str) -> bool:
        """Step over the token if it comes next, whatever its case."""
        if self.peek().lower() != token:
            return False
        self._position += 1
        return True

    def expect(self, token: str) -> None:
        if not self.take(token):
            raise self._error(f"Expected '{token}' but found '{self.peek()[:60] or 'the end'}'.")

    def disjunction(self, depth: int) -> Filter:
        terms = [self.conjunction(depth)]
        while self.take("or"):
            terms.append(self.conjunction(depth))
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def conjunction(self, depth: int) -> Filter:
        terms = [self.term(depth)]
        while self.take("and"):
            terms.append(self.term(depth))
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def term(self, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise self._error(f"The expression is nested more than {MAX_DEPTH} levels deep.")
        if self.take("("):
            return self.group(depth)
        if self.peek().lower() == "not":
            self.next()
            self.expect("(")
            return Not(self.group(depth))
        attribute = self.attribute()
        if self.take("["):
            return self.value_path(attribute, depth)
        return self.comparison(attribute)

    def group(self, depth: int) -> Filter:
        tree = self.disjunction(depth + 1)
        self.expect(")")
        return tree

    def value_path(self, attribute: AttributePath, depth: int) -> Filter:
        inner = self.disjunction(depth + 1)
        self.expect("]")
        if self.peek().startswith("."):
            compared = self.comparison(AttributePath("", self.sub_attribute()))
            inner = And((inner, compared))
        elif self.take("pr"):
            pass  # there is such a value, which is what brackets say
        elif self.peek().lower() in OPERATORS:  # emails[type eq "work"] eq "x", as an old page of Microsoft's has it
            inner = And((inner, self.comparison(AttributePath("", "value"))))
        return ValuePath(attribute, inner)

    def comparison(self, attribute: AttributePath) -> Comparison:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise self._error(f"The expression has more than {MAX_TERMS} comparisons.")
        operator = self.next().lower()
        if operator not in OPERATORS:
            raise self._error(f"'{operator[:60]}' is no operator; use one of {', '.join(sorted(OPERATORS))}.")
        if operator == "pr":
            return Comparison(attribute, operator)
        return Comparison(attribute, operator, *self.literal())

    def literal(self) -> tuple[Value, str]:
        token = self.next()
        if token[0] == '"' or (token[0] == "'" == token[-1] and len(token) > 1):
            text = self.string(token)
            return text, text
        if token in {"(", ")", "[", "]"}:
            raise self._error(f"Expected a value but found '{token}'.")
        if _FOREIGN.search(token):
            raise self._error(f'The value {token[:30]} must be in double quotes, as in "x", and encoded once.')
        if token.lower() in _KEYWORDS:
            return _KEYWORDS[token.lower()], token
        if _NUMBER.fullmatch(token):
            return json.loads(token), token
        return token, token  # Microsoft's page on SCIM shows filters whose value has no quotes

    def string(self, token: str) -> str:
        """Return what a string says; in single quotes the single one is escaped in place of the double one."""
        try:
            text: str = _STRING.decode(token if token[0] == '"' else f'"{_ESCAPED.sub(_requoted, token[1:-1])}"')
        except ValueError:
            raise self._error(f"The string {token[:30]} has an escape that JSON does not know.") from None
        return text

    def attribute(self) -> AttributePath:
        token = self.next()
        named = _ATTRIBUTE.fullmatch(token)
        if named is None:
            raise self._error(f"'{token[:60]}' is no attribute name.")
        name, _, sub = named["names"].partition(".")
        return AttributePath((named["urn"] or "")[:-1], name, sub)

    def sub_attribute(self) -> str:
        token = self.next()
        if not re.fullmatch(r"\.[A-Za-z$][\w$-]*", token):
            raise self._error(f"Expected '.' and a sub-attribute behind ']' but found '{token[:60]}'.")
        return token[1:]


def _requoted(found: re.Match[str]) -> str:
    """Return a character of a string in single quotes as JSON writes it."""
    return {"\\'": "'", '"': '\\"'}.get(found[0], found[0])
