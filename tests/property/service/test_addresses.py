from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

from hypothesis import example, given
from hypothesis import strategies as st

from service.addresses import client_of

NO_PROXY = ()
PROXIES = (ip_network("203.0.113.0/24"),)


@given(address=st.ip_addresses(v=4))
def test_an_ipv4_client_is_its_address_with_proxies_and_without(address: IPv4Address) -> None:
    scope = {"client": (str(address), 1), "headers": []}
    assert client_of(scope, NO_PROXY) == client_of(scope, PROXIES) == str(address)


@given(address=st.ip_addresses(v=6, network="2001:db8::/32"))
def test_an_ipv6_client_is_its_network(address: IPv6Address) -> None:
    scope = {"client": (str(address), 1), "headers": []}
    expected = str(ip_network((address, 64), strict=False))
    assert client_of(scope, NO_PROXY) == client_of(scope, PROXIES) == expected


@given(text=st.text(max_size=20))
@example("\0")
@example("192.0.2.1\0")
@example("\ud800")
def test_what_is_no_address_is_nobody_known(text: str) -> None:
    scope = {"client": (text, 1), "headers": []}
    assert client_of(scope, NO_PROXY) == client_of(scope, PROXIES)
