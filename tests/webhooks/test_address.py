"""Where webhooks may lead: to the internet, never to what only this service or this network can reach."""

import ipaddress

import pytest

from scim.protocol.errors import InvalidValue
from scim.webhooks.address import AddressRules, own_networks

RULES = AddressRules(own=frozenset({"scim.contoso.example"}))
PRIVATE = AddressRules(allowed=frozenset({"app.contoso.internal", "eight.contoso.internal:8443"}))
LOCAL = AddressRules(loopback=True)

REFUSED = [
    "0.0.0.0",  # noqa: S104 - nothing is bound
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.1.2.3",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.1.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::10.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a00:1::1",
    "2002:7f00:1::1",
    "2002:a8 3f:8110::1".replace(" ", ""),
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
TAKEN = ["8.8.8.8", "20.50.2.1", "::ffff:8.8.8.8", "2002:808:808::1", "2606:4700::1111", "2a01:111::1"]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_none_of_the_internet_is_refused(address: str) -> None:
    """Whatever way it is written in: it may be the vault's token service, the host itself, or a neighbour."""
    with pytest.raises(InvalidValue, match="has the address"):
        RULES.check_address("app.contoso.example", address)


@pytest.mark.parametrize("address", TAKEN)
def test_an_address_of_the_internet_is_taken(address: str) -> None:
    """Also one that is written within another one."""
    RULES.check_address("app.contoso.example", address)


def test_our_own_network_is_refused() -> None:
    """Although its addresses may be global: behind them are machines that trust their neighbours."""
    own = [ipaddress.ip_network("20.50.2.0/24")]
    with pytest.raises(InvalidValue):
        RULES.check_address("app.contoso.example", "20.50.2.1", own)
    RULES.check_address("app.contoso.example", "20.50.3.1", own)


async def test_our_own_network_is_found_by_our_own_name() -> None:
    """By its /24 and its /64; a machine that does not know its name has none."""

    async def known(_: str) -> list[str]:
        return ["20.50.2.1", "2606:4700::1"]

    async def unknown(_: str) -> list[str]:
        raise OSError

    assert list(map(str, await own_networks(known))) == ["20.50.2.0/24", "2606:4700::/64"]
    assert await own_networks(unknown) == ()


@pytest.mark.parametrize("address", ["10.0.0.1", "100.64.0.1", "172.16.0.1", "192.168.1.1", "fd12:3456::1"])
@pytest.mark.parametrize("host", ["app.contoso.internal", "eight.contoso.internal"])
def test_an_operator_allows_a_receiver_in_a_private_network(host: str, address: str) -> None:
    """By its name, and no other one beside it."""
    PRIVATE.check_address(host, address)
    with pytest.raises(InvalidValue, match="SCIM_WEBHOOK_HOSTS"):
        PRIVATE.check_address(f"x{host}", address)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "168.63.129.16", "127.0.0.1", "0.1.2.3", "224.0.0.1", "::1", "fe80::1", "192.0.0.8"]
)
def test_what_no_receiver_has_is_refused_even_then(address: str) -> None:
    """Whoever answers for the name could else lead us to the platform's own services."""
    with pytest.raises(InvalidValue):
        PRIVATE.check_address("app.contoso.internal", address)


@pytest.mark.parametrize(
    "url",
    [
        "https://app.contoso.example",
        "https://app.contoso.example:443/x?key=1",
        "https://8.8.8.8/x",
        "https://[2606:4700::1]/x",
        "HTTPS://APP.contoso.example/x",
    ],
)
def test_a_url_is_taken(url: str) -> None:
    """With https, on its port."""
    RULES.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "app.contoso.example",
        "ftp://app.contoso.example",
        "http://app.contoso.example",
        "https://",
        "https:///x",
        "https://app.contoso.example:8443/",
        "https://app.contoso.example:99999/",
        "https://app.contoso.example:x/",
        "https://mira@app.contoso.example/",
        "https://mira:secret@app.contoso.example/",
        "https://@app.contoso.example/",
        "https://app.contoso.example/#x",
        "https://app contoso.example/",
        "https://app.contoso.example/\n",
        "https://app.contoso.example\\@evil.example/",
        "https://bücher.example/",
        "https://[::1",
        "https://[::1]/",
        "https://127.0.0.1/",
        "https://169.254.169.254/",
        "https://2852039166/latest",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://127.0.0.0x1/",
        "https://8.8.8.8./",
        "https://app.contoso.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:a00:1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1%25eth0]/",
        "http://localhost/",
        "https://scim.contoso.example/scim/v2",
        "https://SCIM.contoso.example./",
        "https://app.contoso.example/" + "x" * 2_000,
    ],
)
def test_a_url_is_refused(url: str) -> None:
    """When it is made, so that whoever made it learns why."""
    with pytest.raises(InvalidValue, match=r"^url must|has the address"):
        RULES.check_url(url)


def test_an_operator_allows_a_port() -> None:
    """Of one host."""
    PRIVATE.check_url("https://eight.contoso.internal:8443/")
    for url in ("https://eight.contoso.internal:8444/", "https://app.contoso.internal:8443/"):
        with pytest.raises(InvalidValue, match="port 443"):
            PRIVATE.check_url(url)


def test_a_private_receiver_has_https_too() -> None:
    """Events name people."""
    with pytest.raises(InvalidValue, match="https"):
        PRIVATE.check_url("http://app.contoso.internal/")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_developer_s_own_machine_has_receivers_without_tls(host: str) -> None:
    """On any port, and nobody else has."""
    LOCAL.check_url(f"http://{host}:9000/")
    for url in ("http://app.contoso.example/", "http://10.0.0.1/", "http://localhost.contoso.example/"):
        with pytest.raises(InvalidValue):
            LOCAL.check_url(url)
    with pytest.raises(InvalidValue):
        LOCAL.check_address("localhost.contoso.example", "127.0.0.1")
