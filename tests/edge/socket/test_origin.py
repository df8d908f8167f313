"""Pages of our own origins and programs may connect; other pages are refused at the handshake."""

import pytest

from edge.http.origins import Origins

HOST = "chat.example.com:3002"


@pytest.mark.parametrize("listed", ["", "https://one.example", "*"])
def test_program_without_origin_is_accepted(listed: str) -> None:
    assert Origins(listed).allows(None, HOST)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://chat.example.com", HOST),
        ("https://CHAT.example.com:8443", HOST),
        ("http://chat.example.com", "chat.example.com"),
        ("http://127.0.0.1:8080", "127.0.0.1:3002"),
        ("http://localhost:8080", "127.0.0.1:3002"),
        ("http://127.0.0.1:8080", "localhost:3002"),
        ("http://[::1]:8080", "127.0.0.1:3002"),
        ("http://app.localhost", "127.8.9.10:3002"),
        ("http://[2001:db8::1]:8080", "[2001:db8::1]:3002"),
    ],
)
def test_pages_of_the_same_host_connect_unless_origins_are_set(origin: str, host: str) -> None:
    assert Origins("").allows(origin, host)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://example.com",
        "https://chat.example.com.evil.example",
        "https://chat.example.com@evil.example",
        "https://evilchat.example.com",
        "http://localhost:8080",
        "http://127.0.0.1",
        "null",
        "file://",
        "",
        "rubbish",
        "http://[",
        "http://[zz]",
        "\udcff\udcfe",
    ],
)
def test_pages_of_other_hosts_are_refused(origin: str) -> None:
    assert not Origins("").allows(origin, HOST)
    assert not Origins("").allows(origin, "")


def test_foreign_page_cannot_connect_to_loopback() -> None:
    for host in ("127.0.0.1:3002", "localhost:3002", "[::1]:3002"):
        assert not Origins("").allows("https://evil.example", host)
        assert not Origins("").allows("https://localhost.evil.example", host)


def test_pages_of_the_public_url_connect_behind_any_proxy() -> None:
    origins = Origins("", "https://chat.example.com/start")
    assert origins.allows("https://chat.example.com", "10.0.0.7:3002")
    assert not origins.allows("https://evil.example", "10.0.0.7:3002")


def test_only_listed_origins_connect() -> None:
    origins = Origins("https://one.example, http://Two.example:8080,capacitor://localhost,null")
    for named in ("https://one.example", "http://two.example:8080", "capacitor://localhost", "null"):
        assert origins.allows(named, HOST)
    for other in ("https://two.example:8080", "http://two.example", "https://chat.example.com", "http://localhost"):
        assert not origins.allows(other, HOST)


def test_star_accepts_any_page() -> None:
    for origin in ("https://evil.example", "null", "rubbish"):
        assert Origins("*").allows(origin, HOST)
        assert Origins("https://one.example,*").allows(origin, HOST)
