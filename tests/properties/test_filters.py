"""What holds for every filter and path."""

from hypothesis import given
from hypothesis import strategies as st

from scim.protocol.errors import ScimError
from scim.protocol.filter import (
    AttributePath,
    Filter,
    Path,
    parse_attribute,
    parse_filter,
    parse_path,
)
from tests.properties.generated import attributes, expressions, text_of, trees
from tests.samples import examples


@examples(120)
@given(expressions)
def test_any_text_is_a_tree_or_a_scim_error(text: str) -> None:
    """No filter and no path, however broken, brings the service down."""
    for parse in (parse_filter, parse_path, parse_attribute):
        try:
            parse(text)
        except ScimError as error:
            assert error.scim_type in ("invalidFilter", "invalidPath")
            assert len(error.detail) < 300


@examples(120)
@given(trees)
def test_a_tree_that_is_written_parses_back_to_itself(tree: Filter) -> None:
    """Nothing of a filter is lost or bound otherwise."""
    assert parse_filter(text_of(tree)) == tree


@examples(120)
@given(attributes, st.one_of(st.none(), trees))
def test_a_path_that_is_written_parses_back_to_itself(attribute: AttributePath, selection: Filter | None) -> None:
    """With a filter the sub-attribute stands behind the brackets."""
    if selection is None:
        assert parse_path(str(attribute)) == Path(attribute)
    else:
        whole, sub = AttributePath(attribute.urn, attribute.name), f".{attribute.sub}" if attribute.sub else ""
        assert parse_path(f"{whole}[{text_of(selection)}]{sub}") == Path(attribute, selection)
