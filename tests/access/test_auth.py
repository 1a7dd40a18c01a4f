"""Which requests may pass."""

import hmac

import pytest

from scim.access.auth import FixedTokens, digest
from scim.protocol.errors import InvalidSyntax, Unauthorized, Unavailable
from tests.access.letting_in import let_in

TOKEN = "5up3r-s3cret-tok3n"
NEXT = "the-token-after-the-rotation"


class Rotated:
    """A source that learns of `NEXT` only when it is asked again."""

    def __init__(self) -> None:
        self.asked_again = 0

    async def digests(self) -> tuple[bytes, ...]:
        return (digest(TOKEN),)

    async def refreshed(self) -> tuple[bytes, ...]:
        self.asked_again += 1
        return (digest(TOKEN), digest(NEXT))

    async def check(self) -> None:
        return None

    async def close(self) -> None:
        return None


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
async def test_the_scheme_is_taken_in_any_case(scheme: str) -> None:
    """RFC 9110 §11.1: schemes do not depend on case."""
    await let_in(f"{scheme} {TOKEN}", FixedTokens([TOKEN]))


@pytest.mark.parametrize("header", [f"  Bearer {TOKEN}  ", f"Bearer    {TOKEN}"])
async def test_white_space_around_scheme_and_token_does_not_count(header: str) -> None:
    """Clients pad headers, and pasted tokens carry blanks."""
    await let_in(header, FixedTokens([TOKEN]))


@pytest.mark.parametrize("header", [None, "", "   ", "Bearer", "Bearer   ", TOKEN, f"Basic {TOKEN}", f"Bearer{TOKEN}"])
async def test_a_request_without_a_bearer_token_is_told_how_to_send_one(header: str | None) -> None:
    """RFC 6750 §3: the answer is 401 with the scheme that is expected."""
    with pytest.raises(Unauthorized, match="Authorization: Bearer") as raised:
        await let_in(header, FixedTokens([TOKEN]))

    assert (raised.value.status, raised.value.headers) == (401, {"WWW-Authenticate": 'Bearer realm="scim"'})


@pytest.mark.parametrize("token", [TOKEN.upper(), TOKEN + "x", TOKEN[:-1], f"{TOKEN} {TOKEN}", "ünïcode", "x" * 10_000])
async def test_a_wrong_token_is_refused_without_being_repeated(token: str) -> None:
    """The error tells what to change and shows neither the token sent nor the one expected."""
    with pytest.raises(Unauthorized, match="not valid") as raised:
        await let_in(f"Bearer {token}", FixedTokens([TOKEN]))

    assert token not in raised.value.detail
    assert TOKEN not in raised.value.detail


@pytest.mark.parametrize("token", [TOKEN, NEXT])
async def test_several_tokens_are_valid_at_once(token: str) -> None:
    """While a token is rotated both pass."""
    await let_in(f"Bearer {token}", FixedTokens([TOKEN, NEXT]))


async def test_without_any_token_nothing_passes() -> None:
    """An empty list of tokens is a closed door and not an open one."""
    with pytest.raises(Unauthorized):
        await let_in(f"Bearer {TOKEN}", FixedTokens([]))


async def test_an_unknown_token_makes_the_source_ask_again() -> None:
    """A token newer than the cache is accepted at its first use."""
    source = Rotated()
    await let_in(f"Bearer {NEXT}", source)

    assert source.asked_again == 1


async def test_a_known_token_never_makes_the_source_ask_again() -> None:
    """The usual request costs nothing but a comparison."""
    source = Rotated()
    await let_in(f"Bearer {TOKEN}", source)

    assert source.asked_again == 0


async def test_a_missing_token_never_makes_the_source_ask_again() -> None:
    """Requests without a token put no load on the source."""
    source = Rotated()
    with pytest.raises(Unauthorized):
        await let_in(None, source)

    assert source.asked_again == 0


async def test_a_source_that_never_answered_is_an_outage_and_not_a_refusal() -> None:
    """The client shall try again with the same token."""

    class Silent(Rotated):
        async def digests(self) -> tuple[bytes, ...]:
            raise Unavailable("The source does not answer.")

    with pytest.raises(Unavailable):
        await let_in(f"Bearer {TOKEN}", Silent())


async def test_every_valid_digest_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of an answer tells neither how much of a token was right nor which one matched."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(presented: bytes, valid: bytes) -> bool:
        compared.append((presented, valid))
        return presented == valid

    monkeypatch.setattr(hmac, "compare_digest", compare)
    await let_in(f"Bearer {TOKEN}", FixedTokens([TOKEN, NEXT, "third"]))

    assert [(digest(TOKEN), digest(each)) for each in (TOKEN, NEXT, "third")] == compared


async def test_fixed_tokens_are_always_healthy_and_keep_no_token() -> None:
    """Nothing can be out of order, nothing is to be closed, and only digests stay in memory."""
    source = FixedTokens([TOKEN])
    await source.check()
    await source.close()

    assert TOKEN not in repr(vars(source))
    assert (digest(TOKEN),) == await source.digests() == await source.refreshed()


@pytest.mark.parametrize(
    "header",
    [f"Bearer {TOKEN},Bearer {TOKEN}", "Bearer x, Basic abc", "Basic abc,Bearer x", "Negotiate a==, Bearer  x"],
)
async def test_two_headers_are_told_as_two(header: str) -> None:
    """The host joins them by a comma; which one was meant nobody can know, so it is 400 and not a wrong token."""
    with pytest.raises(InvalidSyntax, match="came twice"):
        await let_in(header, FixedTokens([TOKEN]))


@pytest.mark.parametrize("header", ["Bearer a,b", 'Digest username="a", realm="b"', "Bearer ,"])
async def test_a_comma_alone_is_no_second_header(header: str) -> None:
    """It is a wrong token, or another scheme."""
    with pytest.raises(Unauthorized):
        await let_in(header, FixedTokens([TOKEN]))
