"""Plays Microsoft Entra's provisioning service against any SCIM endpoint, and compares the result."""

from scim.simulate.command import main

__all__ = ["main"]
