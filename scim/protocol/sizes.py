"""How large a JSON text may be, known from its bytes before anything is built of it."""

from typing import NamedTuple

from scim.protocol.errors import PayloadTooLarge

MEBIBYTE = 1024 * 1024


class Size(NamedTuple):
    """Most bytes of a text (`length`), and most values in it: each object and list counts two, each of their items one.

    Bytes bound memory, values bound time: a million empty objects fit into 4 MiB and take a second to build.
    """

    length: int
    values: int

    def check(self, content: bytes, what: str) -> None:
        """Raise PayloadTooLarge when the text is larger. `what` begins the sentence that says so.

        Commas and brackets in texts count as well, so that counting takes a millisecond for a MiB.
        """
        if len(content) > self.length:
            raise PayloadTooLarge(f"{what} has {len(content):,} bytes; the limit is {self.length:,}.")
        if len(content) > self.values and (values := _values(content)) > self.values:
            raise PayloadTooLarge(f"{what} has about {values:,} values; the limit is {self.values:,}.")


RESOURCE = Size(MEBIBYTE, 20_000)
"""A user, a change of one, and any resource as it is stored. Those of Entra have fewer than a hundred values."""
SEARCH = Size(64 * 1024, 2_000)
"""A SearchRequest: a filter, and names of attributes."""
MANY = Size(4 * MEBIBYTE, 300_000)
"""A group with its members, a change of one, a Bulk request: the only ones that many values belong into."""


def _values(content: bytes) -> int:
    return content.count(b",") + content.count(b"{") + content.count(b"[") + 1
