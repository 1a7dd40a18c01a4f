"""The kinds of rows of a tenant, read from the page that names them, so that no list of them can lack one."""

import re

from scim.directory import keys


def row_kinds() -> list[str]:
    """Return the forms of all keys, in order, as the docstring of scim/directory/keys.py writes them."""
    lines = (keys.__doc__ or "").splitlines()
    return sorted(found for line in lines for found in re.findall(r"(?:^ {4}| {2,})([a-z]\.(?:<[^>]+>|[^\s<])+)", line))
