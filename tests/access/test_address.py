"""The client's address: the entry that the nearest proxy added, and nothing that a client can make up."""

import pytest

from scim.access.address import client_address


@pytest.mark.parametrize(
    ("forwarded_for", "expected"),
    [
        ("20.1.2.3", "20.1.2.3"),
        ("20.1.2.3:5678", "20.1.2.3"),
        ("6.6.6.6, 20.1.2.3:5678", "20.1.2.3"),
        ("6.6.6.6,7.7.7.7,20.1.2.3:1", "20.1.2.3"),
        ("[2001:DB8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ("::ffff:20.1.2.3", "20.1.2.3"),
        ("[::ffff:20.1.2.3]:80", "20.1.2.3"),
        ("  20.1.2.3  ", "20.1.2.3"),
    ],
)
def test_the_last_entry_is_the_address(forwarded_for: str, expected: str) -> None:
    """Without its port, in one form, so that limits count one client once."""
    assert client_address(forwarded_for) == expected


@pytest.mark.parametrize(
    "forwarded_for",
    [
        *("", " ", ",", "20.1.2.3,", "unknown", "_hidden", "20.1.2", "300.1.1.1", "1.2.3.\u0664", "x" * 30_000),
        *("20.1.2.3:x", "20.1.2.3:", "1.2.3.4:5:6", "20.1.2.3 , evil\r\n"),
        *("[::1", "[::1]x", "[::1]:", "[1.2.3.4]:5x", "::1%eth0", "[::1%25eth0]"),
    ],
)
def test_what_cannot_be_read_is_no_address(forwarded_for: str) -> None:
    """No text of a client's goes into a log line or a key in its place."""
    assert client_address(forwarded_for) == ""


@pytest.mark.parametrize(
    ("forwarded_for", "trusted_proxies", "expected"),
    [
        ("20.1.2.3, 10.0.0.1:99", 1, "20.1.2.3"),
        ("6.6.6.6, 20.1.2.3:1, 10.0.0.1, 10.0.0.2", 2, "20.1.2.3"),
        ("10.0.0.1", 1, ""),
        ("unknown, 10.0.0.1", 1, ""),
        ("", 3, ""),
    ],
)
def test_the_operator_s_own_proxies_are_left_out(forwarded_for: str, trusted_proxies: int, expected: str) -> None:
    """From the end; who comes without passing them has no address, whatever entries they send."""
    assert client_address(forwarded_for, trusted_proxies) == expected
