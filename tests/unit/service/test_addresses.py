"""Whose address it is, when proxies stand between."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from service.addresses import client_of, is_loopback

PROXIES = tuple(map(ip_network, ("10.0.0.0/8", "192.0.2.7", "fd00::/8")))


def asked_by(peer: str | None, *forwarded: str) -> str:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return client_of({"client": (peer, 1) if peer else None, "headers": headers}, PROXIES)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.1", (), "198.51.100.1"),
        # Anyone may write the field; only a trusted peer is believed.
        ("198.51.100.1", ("203.0.113.9",), "198.51.100.1"),
        ("10.1.1.1", ("203.0.113.9",), "203.0.113.9"),
        ("192.0.2.7", ("203.0.113.9",), "203.0.113.9"),
        # What a client made up stands to the left of what our proxy saw.
        ("10.1.1.1", ("1.1.1.1, 203.0.113.9",), "203.0.113.9"),
        ("10.1.1.1", ("1.1.1.1, 203.0.113.9, 10.2.2.2",), "203.0.113.9"),
        ("10.1.1.1", ("1.1.1.1", "203.0.113.9"), "203.0.113.9"),
        ("10.1.1.1", ("10.3.3.3, 10.2.2.2",), "10.3.3.3"),
        ("10.1.1.1", ("203.0.113.9, drop table",), "10.1.1.1"),
        ("10.1.1.1", ("",), "10.1.1.1"),
        ("10.1.1.1", ("ñ\x7f",), "10.1.1.1"),
        # One household, one client.
        ("10.1.1.1", ("2001:db8:1:2:3::4",), "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", (), "2001:db8:1:2::/64"),
        ("fd00::1", ("203.0.113.9",), "203.0.113.9"),
        ("::ffff:10.1.1.1", ("203.0.113.9",), "203.0.113.9"),
        ("fe80::1%eth0", (), "fe80::/64"),
        (None, ("203.0.113.9",), "unknown"),
        ("socket", (), "unknown"),
    ],
)
def test_the_client_is_the_first_that_no_trusted_proxy_vouches_for(
    peer: str | None, forwarded: tuple[str, ...], client: str
) -> None:
    assert asked_by(peer, *forwarded) == client


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("10.0.0.1", False),
        ("localhost.example.cl", False),
    ],
)
def test_only_loopback_is_this_machine_alone(host: str, *, loopback: bool) -> None:
    assert is_loopback(host) is loopback
