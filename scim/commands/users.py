"""`python -m scim users`: finds and shows users."""

from scim.commands.resources import users as main

__all__ = ["main"]
