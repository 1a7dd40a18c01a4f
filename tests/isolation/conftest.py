"""The emulator for the tests of this folder."""

from tests.azurite import azurite

__all__ = ["azurite"]
