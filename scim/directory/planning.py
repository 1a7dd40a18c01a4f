"""How a search is answered: by look-ups that leave few candidates or by looking at everybody, and in which order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from scim.directory import keys
from scim.directory.cursor import Position
from scim.directory.damage import owner_in
from scim.directory.indexes import Indexes
from scim.directory.stored import Kind, Stored
from scim.directory.tenant import Tenant
from scim.protocol.active import ACTIVE
from scim.protocol.entra import rewrite_single
from scim.protocol.errors import InvalidFilter, InvalidPath, InvalidValue, TooMany
from scim.protocol.filter import (
    Among,
    And,
    AttributePath,
    Comparison,
    Filter,
    Not,
    Or,
    Value,
    ValuePath,
    comparisons,
    parse_attribute,
    parse_filter,
)
from scim.protocol.query import SORT_LENGTH, Matcher, matcher, sort_key
from scim.protocol.schema import Target
from scim.protocol.work import Work, WorkDone


@dataclass(frozen=True, slots=True)
class Plan:
    """How one kind is searched.

    `ids` are the candidates that look-ups left, sorted, None when everybody is one. `matches` decides about each
    candidate, None when all match; `needs_edges` says that it looks at memberships. `terms` are its comparisons,
    `work` is what all plans of a search may compare.
    """

    kind: Kind
    ids: list[str] | None = None
    matches: Matcher | None = None
    needs_edges: bool = False
    terms: int = 0
    work: Work = field(default_factory=Work, compare=False)


class Planner:
    """Turns filters into plans. A look-up that finds more than `most` candidates is not used: it narrows nothing."""

    def __init__(self, tenant: Tenant, indexes: Indexes, most: int) -> None:
        self._tenant = tenant
        self._indexes = indexes
        self._most = most

    async def plans(self, kinds: Sequence[Kind], text: str | None) -> list[Plan]:
        """Return a plan for each kind.

        Raises InvalidFilter when no kind has one of the attributes. Where several kinds are searched, one that lacks
        an attribute is searched as if it had no value. RFC 7644 §3.4.2.1.
        """
        if text is None:
            return [Plan(kind) for kind in kinds]
        tree, work = parse_filter(text), Work()
        if len(kinds) == 1:
            return [await self._plan(kinds[0], tree, work)]
        for around, comparison in comparisons(tree):
            path = around or comparison.path
            if not any(kind.type.resolve(path) for kind in kinds):
                raise InvalidFilter(f"No resource has an attribute '{path}'; /Schemas lists those there are.")
        return [await self._plan(kind, _without_unknown(kind, tree), work) for kind in kinds]

    async def _plan(self, kind: Kind, asked: Filter, work: Work) -> Plan:
        matches = matcher(asked, kind.type, work)  # says what is wrong before anything is read
        _check_addresses(kind, asked)
        try:
            return await self._read_plan(kind, asked, work, matches)
        except WorkDone:
            raise TooMany("The look-ups of the filter find too many resources. Search with fewer conditions.") from None

    async def _read_plan(self, kind: Kind, asked: Filter, work: Work, matches: Matcher) -> Plan:
        tree = await self._with_memberships(kind, asked, work)
        if tree != asked:
            matches = matcher(tree, kind.type, work)
        terms = sum(1 for _ in comparisons(tree))
        return Plan(kind, await self._candidates(kind, tree, work), matches, _looks_at_edges(kind, tree), terms, work)

    async def _with_memberships(self, kind: Kind, tree: Filter, work: Work) -> Filter:
        """Replace `members.value eq "id"` by the ids of the groups that it holds for, and `groups.value` likewise.

        Whether somebody is a member is then answered from that one's memberships, however large the group is.
        """
        match tree:
            case And(terms):
                return And(tuple([await self._with_memberships(kind, term, work) for term in terms]))
            case Or(terms):
                return Or(tuple([await self._with_memberships(kind, term, work) for term in terms]))
            case Not(term):
                return Not(await self._with_memberships(kind, term, work))
            case ValuePath(path, Comparison(path=inner) as term) if inner.name.lower() == "value":
                return await self._holders(kind, kind.type.resolve(path), term, work) or tree
            case Comparison(path=path):
                return await self._holders(kind, kind.type.resolve(path), tree, work) or tree
        return tree

    async def _holders(self, kind: Kind, target: Target | None, comparison: Comparison, work: Work) -> Among | None:
        other = comparison.text
        if comparison.operator != "eq" or comparison.value is None:
            return None
        if target is None or target.attribute is not kind.type.core.get(kind.edges):
            return None
        if target.sub is not None and target.sub.name != "value":
            return None
        if not keys.is_id(other):
            return _NOBODY
        if await self._tenant.read(keys.tombstone(other)):
            return Among(frozenset())  # deleted; its memberships are still being removed
        prefix = keys.membership(other) if kind.letter == "g" else keys.member(other)
        rows = await self._tenant.under(prefix, self._most + 1, keys_only=True)
        work.found(len(rows))
        if len(rows) > self._most:
            raise TooMany(f"More than {self._most:,} resources fulfil '{target} eq'; read the group's members instead.")
        return Among(frozenset(keys.last_part(row.key) for row in rows))

    async def _candidates(self, kind: Kind, tree: Filter, work: Work) -> list[str] | None:
        match tree:
            case And(terms):
                for term in terms:
                    if (found := await self._candidates(kind, term, work)) is not None:
                        return found
            case Or(terms):
                either: set[str] = set()
                for term in terms:
                    if (found := await self._candidates(kind, term, work)) is None:
                        return None
                    either.update(found)
                return sorted(either)
            case ValuePath(path, inner):
                return await self._candidates_within(kind, path, inner, work)
            case Among(ids):
                return sorted(ids)
            case Comparison(operator="eq"):
                return await self._looked_up(kind, tree.path, tree, work)
        return None

    async def _candidates_within(self, kind: Kind, path: AttributePath, inner: Filter, work: Work) -> list[str] | None:
        """`emails[type eq "work" and value eq "x"]` has its candidates among those of `emails.value eq "x"`."""
        for term in inner.terms if isinstance(inner, And) else (inner,):
            if isinstance(term, Comparison) and term.operator == "eq":
                found = await self._looked_up(kind, replace(path, sub=term.path.name), term, work)
                if found is not None:
                    return found
        return None

    async def _looked_up(self, kind: Kind, path: AttributePath, comparison: Comparison, work: Work) -> list[str] | None:
        target = _compared(kind.type.resolve(path))
        if target is None or comparison.value is None:
            return None
        name = str(target)
        if name == "id":
            return [comparison.text] if keys.is_id(comparison.text) else []
        value = kind.key_value(target, _literal(target, comparison))
        if name in kind.unique:
            row = await self._tenant.read(keys.name(kind.letter, name, value))
            if row is None:
                return []
            return [owner] if (owner := owner_in(row)) else None
        if name not in kind.filterable or f"{kind.letter}.{name}" not in await self._indexes.complete():
            return None
        if name == ACTIVE and comparison.text.lower() == "true":
            return None  # early rows do not say it and have no look-up; and nearly everybody is, which narrows nothing
        prefix = keys.look_ups(kind.letter, name, value)
        rows = await self._tenant.under(prefix, self._most + 1, keys_only=True)
        work.found(len(rows))
        return [keys.last_part(row.key) for row in rows] if len(rows) <= self._most else None


def ordering(plans: Sequence[Plan], sort_by: str | None) -> Callable[[Stored], Position]:
    """Return the key that orders a search's matches: by sortBy, then by kind, then by id.

    Raises InvalidValue when no kind has the attribute, or when it is never returned.
    """
    place = {plan.kind.letter: number for number, plan in enumerate(plans)}
    if not sort_by:
        return lambda each: (place[each.kind.letter], each.id)
    path = _sort_path(sort_by)
    targets = {plan.kind.letter: plan.kind.type.resolve(path) for plan in plans}
    edges = {plan.kind.letter: plan.kind.edges for plan in plans}
    if any(target and target.leaf and target.leaf.returned == "never" for target in targets.values()):
        raise InvalidValue(f"sortBy: {sort_by[:100]} is never returned, so that its order is not told either.")
    if any(
        target and target.attribute and target.attribute.name == edges[letter] for letter, target in targets.items()
    ):
        raise InvalidValue(f"sortBy: {sort_by[:100]} has no order; sort by what the resources have themselves.")
    if not any(targets.values()):
        raise InvalidValue(f"sortBy: no attribute is named '{sort_by[:100]}'; /Schemas lists those there are.")
    by = {letter: sort_key(target) for letter, target in targets.items() if target}

    def key(each: Stored) -> Position:
        letter = each.kind.letter
        own = by[letter](each.resource("")) if letter in by else (1,)
        # A cursor holds the key and must fit into a URL.
        own = tuple(part[:SORT_LENGTH] if isinstance(part, str) else part for part in own)
        return (own, place[letter], each.id)

    return key


def _sort_path(sort_by: str) -> AttributePath:
    try:
        return parse_attribute(sort_by)
    except InvalidPath as error:
        raise InvalidValue(f"sortBy: {error.detail}") from None


_NOBODY = Among(frozenset())


def _without_unknown(kind: Kind, tree: Filter) -> Filter:
    """Return the filter with a verdict in place of each comparison of an attribute that the kind does not have."""
    match tree:
        case And(terms):
            return And(tuple(_without_unknown(kind, term) for term in terms))
        case Or(terms):
            return Or(tuple(_without_unknown(kind, term) for term in terms))
        case Not(term):
            return Not(_without_unknown(kind, term))
        case ValuePath(path=path) if kind.type.resolve(path) is None:
            return _NOBODY
        case Comparison(path=path, operator=operator, value=value) if kind.type.resolve(path) is None:
            holds = operator == ("eq" if value is None else "ne")
            return Not(_NOBODY) if holds else _NOBODY
    return tree


def _check_addresses(kind: Kind, tree: Filter) -> None:
    """Raise InvalidFilter where an address is compared that only answers have.

    Answers make it from the address that the client itself uses, so that it is stored nowhere: a search for one would
    find nobody, which would read as if nobody had it.
    """
    instead = {"meta.location": "id", f"{kind.edges}.$ref": f"{kind.edges}.value"}
    for around, comparison in comparisons(tree):
        target = kind.type.resolve(replace(around, sub=comparison.path.name) if around else comparison.path)
        if str(target) == "groups.display":
            raise InvalidFilter(
                "groups.display is read for each answer and cannot be searched for. Search for the id of the group,"
                " with 'groups.value eq'."
            )
        if target is None or target.sub is None or comparison.value is None:
            continue
        if (better := instead.get(str(target))) is not None:
            raise InvalidFilter(
                f"{target} is made for each answer and cannot be searched for. Search for the id at its end, with"
                f" '{better} eq'."
            )


def _literal(target: Target, comparison: Comparison) -> Value:
    """Return the filter's value in the attribute's own type, as resources have it."""
    if target.leaf and target.leaf.type in ("boolean", "integer", "decimal"):
        value: Value = rewrite_single(target.leaf, comparison.value)
        return value
    return comparison.text


def _compared(target: Target | None) -> Target | None:
    """`manager eq "id"` means its value."""
    if target and target.attribute and target.sub is None and (value := target.attribute.sub("value")):
        return replace(target, sub=value)
    return target


def _looks_at_edges(kind: Kind, tree: Filter) -> bool:
    for around, comparison in comparisons(tree):
        target = kind.type.resolve(around or comparison.path)
        if target and target.attribute and target.attribute.name == kind.edges:
            return True
    return False
