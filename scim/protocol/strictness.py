"""Whether the request under way is one of a strict client: then nothing that is unknown is left out or guessed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from scim.protocol.errors import InvalidSyntax

_strict: ContextVar[bool] = ContextVar("_strict", default=False)


@contextmanager
def strictly(wanted: bool) -> Iterator[None]:
    """Let the block judge strictly, or not."""
    token = _strict.set(wanted)
    try:
        yield
    finally:
        _strict.reset(token)


def is_strict() -> bool:
    """Whether the request under way is judged strictly."""
    return _strict.get()


def refuse_unknown(what: str, names: Sequence[str]) -> None:
    """Raise InvalidSyntax, naming one of the names, where the request is judged strictly and there are any."""
    if names and is_strict():
        raise InvalidSyntax(f"No schema knows the {what} '{names[0]}', and this credential is strict. Leave it out.")
