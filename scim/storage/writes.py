"""Whether the store takes what this process writes: a store can answer every read and refuse every write."""

from scim.protocol.errors import Unavailable


class Writes:
    """How the last write of this process ended."""

    def __init__(self) -> None:
        self.failure: Unavailable | None = None
        """Why the store did not take it; None where it did, or has judged it."""

    def succeeded(self) -> None:
        """Note that the store took a write, or judged it."""
        self.failure = None

    def failed(self, error: Unavailable) -> None:
        """Note that it did not."""
        self.failure = error
