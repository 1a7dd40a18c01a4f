"""Searching: what a client asks for, whether a resource matches, in which order, and the list that answers."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from scim.protocol.entra import rewrite_single
from scim.protocol.errors import InvalidCount, InvalidFilter, InvalidSyntax, InvalidValue
from scim.protocol.filter import Among, And, AttributePath, Comparison, Filter, Not, Or, ValuePath
from scim.protocol.resource import DATE_TIME, Resource, fold, parse_date_time, values
from scim.protocol.schema import Attribute, Target
from scim.protocol.work import Work

LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
DEFAULT_COUNT = 100
MAX_COUNT = 1000
MAX_NAMES = 300
"""Most names in `attributes` or `excludedAttributes`: looking up each takes time in which nobody else is answered."""
_BETWEEN_COMMAS = re.compile(r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^,])+""", re.DOTALL)
"""A name, in whose filter a string may hold commas; one that is not closed takes the rest, so that it is read once."""
_WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,100}\s*")
"""A number of a query, of a length that Python is sure to read; it would read 1_0 as well."""
ASCENDING, DESCENDING = ORDERS = ("ascending", "descending")

Matcher = Callable[[Mapping[str, Any]], bool]


class Resolver(Protocol):
    """What knows attributes by their paths: a resource type, or the complex attribute before a value filter."""

    @property
    def name(self) -> str:
        """What error details call it."""
        ...

    def resolve(self, path: AttributePath) -> Target | None:
        """Return what a path means, or None when nothing has that name."""
        ...


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What a client searches for, from query parameters or the body of `/.search`. RFC 7644 §3.4.2, §3.4.3; RFC 9865.

    `start_index` is 1 or more, `count` between 0 and MAX_COUNT; `sort_order` is None or one of ORDERS. `cursor` is
    None when the client pages by index, "" on the first page by cursor.
    """

    attributes: tuple[str, ...] = ()
    excluded_attributes: tuple[str, ...] = ()
    filter: str | None = None
    sort_by: str | None = None
    sort_order: str | None = None
    start_index: int = 1
    count: int = DEFAULT_COUNT
    cursor: str | None = None


def query_search(parameters: Iterable[tuple[str, str]]) -> SearchRequest:
    """Return the search that the parameters of a query describe, each of which may be repeated; see `search_request`.

    Repeated lists of names are joined, also where their name is `attributes[]`, as axios repeats them. What is
    repeated with the same value counts once. Raises InvalidValue, or InvalidCount, where the values differ.
    """
    given: dict[str, list[str]] = {}
    for name, value in parameters:
        parameter = name.lower()
        if parameter.endswith("]") and (listed := parameter.rpartition("[")[0]) in _LISTS:
            parameter = listed
        if parameter in _PARAMETERS and not _says_nothing(parameter, value):
            given.setdefault(parameter, []).append(value)
    for parameter, sent in given.items():
        if parameter not in _LISTS and len(set(sent)) > 1:
            failure = InvalidCount if parameter == "count" else InvalidValue
            raise failure(f"{_PARAMETERS[parameter][0]} is given more than once, with different values.")
    return search_request({name: ",".join(sent) if name in _LISTS else sent[0] for name, sent in given.items()})


def search_request(values: Any) -> SearchRequest:
    """Return the search that query parameters or a body describe; names match whatever their case.

    As the RFC says, `startIndex` below 1 means 1 and `count` below 0 means 0; a `count` above MAX_COUNT is served as
    MAX_COUNT. What a search does not know is ignored, and so is what is empty, as addresses made from templates have
    it; but an empty `cursor` begins a walk. RFC 9865 §2.

    Raises InvalidSyntax when a body is no object or names something twice, InvalidCount when the count is no number,
    InvalidValue naming another parameter that is not as it should be.
    """
    if not isinstance(values, Mapping):
        raise InvalidSyntax("The body must be a SearchRequest, a JSON object.")
    fields: dict[str, Any] = {}
    for name, value in values.items():
        parameter = _PARAMETERS.get(name.lower())
        if parameter is None or value is None or _says_nothing(name.lower(), value):
            continue
        proper, field, read = parameter
        if field in fields:
            raise InvalidSyntax(f"{proper} is given more than once; names match whatever their case.")
        try:
            fields[field] = read(value)
        except ValueError as error:
            failure = InvalidCount if field == "count" else InvalidValue
            raise failure(f"{proper}: {error}.") from None
    return SearchRequest(**fields) if fields else _EVERYTHING


_EVERYTHING = SearchRequest()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def _sort_order(value: Any) -> str:
    order = _text(value).lower()
    if order not in ORDERS:
        raise ValueError(f"must be {ASCENDING} or {DESCENDING}")
    return order


def _names(value: Any) -> tuple[str, ...]:
    """In a query the names are separated by commas, outside of filters; in a body they are a list."""
    names = value
    if isinstance(value, str):
        names = [stripped for name in _BETWEEN_COMMAS.findall(value) if (stripped := name.strip())]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("must be names of attributes")
    if len(names) > MAX_NAMES:
        raise ValueError(f"{len(names):,} names are more than the limit of {MAX_NAMES}; name fewer")
    return tuple(names)


def _number(value: Any) -> int:
    """A query has numbers as text, a body should not."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)  # to JSON, 10.0 is 10
    raise ValueError("must be a whole number")


def _start_index(value: Any) -> int:
    return max(_number(value), 1)


def _count(value: Any) -> int:
    return min(max(_number(value), 0), MAX_COUNT)


_PARAMETERS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    proper.lower(): (proper, field, read)
    for proper, field, read in (
        ("attributes", "attributes", _names),
        ("excludedAttributes", "excluded_attributes", _names),
        ("filter", "filter", _text),
        ("sortBy", "sort_by", _text),
        ("sortOrder", "sort_order", _sort_order),
        ("startIndex", "start_index", _start_index),
        ("count", "count", _count),
        ("cursor", "cursor", _text),
    )
}
"""By lower-case name: the name, the field of a SearchRequest, and what reads its value or raises ValueError."""
_LISTS = frozenset({"attributes", "excludedattributes"})


def _says_nothing(parameter: str, value: Any) -> bool:
    return isinstance(value, str) and not value.strip() and parameter != "cursor"


def list_response(resources: Sequence[Resource], **page: int | str | None) -> Resource:
    """Return a ListResponse; the page's figures are left out where they are None. RFC 7644 §3.4.2."""
    known = {name: value for name, value in page.items() if value is not None}
    return {"schemas": [LIST_RESPONSE], **known, "itemsPerPage": len(resources), "Resources": list(resources)}


def normal(attribute: Attribute, value: Any) -> Any:
    """Return a value in the form in which it is compared: letter case folded unless it matters, dates as instants.

    Values that are equal in this form are also written alike, so that keys can be made from it.
    """
    if isinstance(value, str):
        if attribute.type == "dateTime":
            return parse_date_time(value) or value
        return value if attribute.case_exact else fold(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 5.0 equals 5
    return value


def matcher(tree: Filter, resolver: Resolver, work: Work | None = None) -> Matcher:
    """Return a function that says whether a resource fulfils the filter. RFC 7644 §3.4.2.2.

    A comparison holds for a multi-valued attribute when it holds for one of its values. `ne` is the opposite of
    `eq`, so it holds where the attribute has no value. A complex attribute is compared by its `value`.

    Every comparison counts as `work`, which raises WorkDone when it is used up; by itself a filter has that of one
    search.
    Raises InvalidFilter when an attribute is unknown or cannot be compared so.
    """
    work = work or Work()

    def resolve(path: AttributePath) -> Target:
        target = resolver.resolve(path)
        if target is None:
            raise InvalidFilter(f"{resolver.name} has no attribute '{path}'; /Schemas lists those it has.")
        return target

    def build(node: Filter) -> Matcher:
        match node:
            case And(terms):
                built = [build(term) for term in terms]
                return lambda resource: all(term(resource) for term in built)
            case Or(terms):
                built = [build(term) for term in terms]
                return lambda resource: any(term(resource) for term in built)
            case Not(term):
                inner = build(term)
                return lambda resource: not inner(resource)
            case ValuePath(path, inner_filter):
                target = resolve(path)
                within = value_matcher(inner_filter, target, work)
                return lambda resource: any(within(each) for each in values(resource, target))
            case Among(ids):
                return lambda resource: resource["id"] in ids
            case Comparison(path=path):
                return _comparison(node, _compared(resolve(path)), work)

    return build(tree)


def value_matcher(tree: Filter, target: Target, work: Work | None = None) -> Matcher:
    """Return a function that says whether one value of a complex attribute fulfils the filter in brackets.

    Raises InvalidFilter when the attribute has no such sub-attribute or it cannot be compared so.
    """
    complex_attribute = target.attribute
    if complex_attribute is None or target.sub is not None or not complex_attribute.sub_attributes:
        raise InvalidFilter(f"{target} has no sub-attributes to filter by.", str(target))
    return matcher(tree, _SubAttributes(complex_attribute), work)


class _SubAttributes:
    """The sub-attributes of a complex attribute, resolved as a resource type resolves its attributes."""

    def __init__(self, attribute: Attribute) -> None:
        self._attribute = attribute

    @property
    def name(self) -> str:
        return self._attribute.name

    def resolve(self, path: AttributePath) -> Target | None:
        sub = None if path.urn or path.sub else self._attribute.sub(path.name)
        return Target("", sub) if sub else None


def _compared(target: Target) -> Target:
    """A complex attribute is compared by its value, as in `emails co "example"` and `manager eq "id"`."""
    if target.attribute and target.sub is None and (value := target.attribute.sub("value")):
        return Target(target.extension, target.attribute, value)
    return target


def _comparison(node: Comparison, target: Target, work: Work) -> Matcher:
    leaf, counted = target.leaf, work.compared
    if leaf is not None and leaf.returned == "never":
        raise InvalidFilter(f"{target} is never returned, so that nobody may search by it either.", str(target))
    if node.operator == "pr":
        return lambda resource: bool(values(resource, target))
    if leaf is None or leaf.type == "complex":
        raise InvalidFilter(f"{target} is complex; compare one of its sub-attributes.", str(target))
    if node.value is None:
        return _null_comparison(node, target)
    compare = _operation(node.operator, leaf, target)
    if node.operator in _TEXT:
        part = _as_text(leaf, node.text)
        return lambda resource: any(compare(_as_text(leaf, each), part) for each in counted(values(resource, target)))
    wanted = _literal(node, leaf, target)
    if node.operator == "ne":
        return lambda resource: not any(wanted == normal(leaf, each) for each in counted(values(resource, target)))
    return lambda resource: any(compare(normal(leaf, each), wanted) for each in counted(values(resource, target)))


def _null_comparison(node: Comparison, target: Target) -> Matcher:
    """null is "no value". RFC 7643 §2.5."""
    if node.operator == "eq":
        return lambda resource: not values(resource, target)
    if node.operator == "ne":
        return lambda resource: bool(values(resource, target))
    raise InvalidFilter(f"{target} {node.operator} null: null can only be compared with eq and ne.", str(target))


def _literal(node: Comparison, leaf: Attribute, target: Target) -> Any:
    """Return the filter's value in the attribute's own type; the text of any value serves a string attribute."""
    value = rewrite_single(leaf, node.value)  # Entra: roles[primary eq "True"]
    match leaf.type:
        case "boolean":
            if isinstance(value, bool):
                return value
        case "integer" | "decimal":
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return value
        case "dateTime":
            if instant := parse_date_time(node.text):
                return instant
            raise InvalidFilter(
                f"{target} is compared with {DATE_TIME}, not with '{node.text[:60]}'. In an address + is written %2B."
            )
        case _:
            return normal(leaf, node.text)
    raise InvalidFilter(f"{target} is of type {leaf.type} and cannot be compared with '{node.text[:60]}'.", str(target))


def _as_text(leaf: Attribute, value: str) -> str:
    """What contains, begins and ends is the text as it is written, also that of a date."""
    return value if leaf.case_exact else fold(value)


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_TEXT: dict[str, Callable[[Any, Any], bool]] = {
    "co": operator.contains,
    "sw": str.startswith,
    "ew": str.endswith,
}


def _operation(name: str, leaf: Attribute, target: Target) -> Callable[[Any, Any], bool]:
    if name in ("eq", "ne"):
        return operator.eq
    if name in _ORDER and leaf.type not in ("boolean", "binary"):
        return _ORDER[name]
    if name in _TEXT and leaf.type not in ("boolean", "integer", "decimal"):
        return _TEXT[name]
    raise InvalidFilter(f"{target} is of type {leaf.type}, which '{name}' cannot compare.", str(target))


SORT_LENGTH = 200
"""Characters of a value that sorting looks at; values that begin alike come in the order of ids."""


def sort_key(target: Target) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Return a key that orders resources by an attribute, those without a value last. RFC 7644 §3.4.2.3.

    Of a multi-valued attribute the primary value counts, else the first.
    """
    target = _compared(target)
    leaf = target.leaf

    def key(resource: Mapping[str, Any]) -> tuple[Any, ...]:
        found = _preferred(resource, target)
        if found is None or leaf is None or isinstance(found, (dict, list)):
            return (1,)
        key = normal(leaf, found[:SORT_LENGTH] if isinstance(found, str) else found)
        # Cursors are JSON, which has no dates. Texts and numbers meet where two extensions share a name.
        key = key.timestamp() if isinstance(key, datetime) else key
        return (0, isinstance(key, str), key)

    return key


def _preferred(resource: Mapping[str, Any], target: Target) -> Any:
    holders = values(resource, Target(target.extension, target.attribute))
    for holder in sorted(holders, key=lambda each: not (isinstance(each, dict) and each.get("primary"))):
        value = holder.get(target.sub.name) if target.sub and isinstance(holder, dict) else holder
        if value is not None:
            return value
    return None
