"""`python -m scim groups`: finds and shows groups."""

from scim.commands.resources import groups as main

__all__ = ["main"]
