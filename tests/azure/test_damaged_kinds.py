"""Every kind of row, damaged in every way, in Table Storage."""

from tests.azure.in_table_storage import InTableStorage
from tests.directory.damaged_kinds import DamagedKinds


class TestDamagedKindsInTableStorage(InTableStorage, DamagedKinds):
    """Of what is no JSON, or another, two: the store keeps either as a text."""

    anything = ("", "{")
