"""Missing settings of the stack are reported by name, and stack commands are rejected when embedded."""

import pytest

from core.settings import InvalidSettings, Settings, is_within, listed, load, networks, require_secrets, require_stack

STACK = Settings(adapters="stack", app_key="k")


def test_missing_stack_secret_is_reported_with_a_remedy() -> None:
    with pytest.raises(InvalidSettings) as error:
        require_secrets(STACK, "app_key", "app_secret", "token_secret")
    assert [line.partition(": ")[0] for line in str(error.value).splitlines()] == [
        "CAAS_APP_SECRET",
        "CAAS_TOKEN_SECRET",
    ]
    assert str(error.value).count("`openssl rand -hex 32`") == 2


def test_given_or_unneeded_secret_is_not_reported() -> None:
    require_secrets(STACK, "app_key")
    require_secrets(STACK)


def test_embedded_system_needs_no_secrets() -> None:
    require_secrets(Settings(), "app_key", "app_secret", "token_secret")


def test_stack_process_is_rejected_when_embedded() -> None:
    require_stack(STACK)
    with pytest.raises(InvalidSettings, match="`caas up`"):
        require_stack(Settings())


@pytest.mark.parametrize(
    "listed", ["", "*", "https://one.example", "http://one.example:8080, capacitor://localhost,null"]
)
def test_origins_must_be_complete(listed: str) -> None:
    assert load({"CAAS_ORIGINS": listed}).origins == listed


@pytest.mark.parametrize(
    "listed", ["one.example", "https://one.example/", "https://", "https://a b", "https://a,,https://b"]
)
def test_invalid_origin_is_reported(listed: str) -> None:
    with pytest.raises(InvalidSettings, match="CAAS_ORIGINS="):
        load({"CAAS_ORIGINS": listed})


def test_proxies_are_addresses_and_networks() -> None:
    assert [str(one) for one in networks("10.0.0.0/8, 127.0.0.1,fd00::/8,")] == [
        "10.0.0.0/8",
        "127.0.0.1/32",
        "fd00::/8",
    ]
    assert networks(load({}).trusted_proxies) == ()
    with pytest.raises(InvalidSettings, match=r"CAAS_TRUSTED_PROXIES=.*'proxy.example' does not"):
        load({"CAAS_TRUSTED_PROXIES": "127.0.0.1,proxy.example", "CAAS_ORIGINS": "*"})


def test_own_tenant_must_be_served() -> None:
    assert listed(load({"CAAS_TENANTS": "acme, umbra,", "CAAS_TENANT": "acme"}).tenants) == {"acme", "umbra"}
    assert listed(load({"CAAS_TENANTS": "default"}).tenants) == {"default"}
    for tenant in ({}, {"CAAS_TENANT": "acm"}):
        with pytest.raises(InvalidSettings, match="CAAS_TENANTS='acme': CAAS_TENANT is none of these"):
            load({"CAAS_TENANTS": "acme", **tenant})


@pytest.mark.parametrize(
    ("peer", "within"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("unix", False),
        ("", False),
        (None, False),
    ],
)
def test_local_peers_get_health_details(peer: str | None, within: bool) -> None:
    assert is_within(peer, networks(load({}).health_networks)) is within


@pytest.mark.parametrize("name", ["CAAS_USER_COMMANDS_PER_S", "CAAS_USER_CONNECTIONS", "CAAS_HANDSHAKES_PER_S"])
def test_limit_may_be_zero_and_not_negative(name: str) -> None:
    assert getattr(load({name: "0"}), name.removeprefix("CAAS_").lower()) == 0
    with pytest.raises(InvalidSettings, match=name):
        load({name: "-1"})


def test_invalid_value_is_rejected_even_if_overridden() -> None:
    for overrides in ({}, {"adapters": "embedded"}):
        with pytest.raises(InvalidSettings, match=r"^CAAS_ADAPTERS='kafka': one of embedded, stack$"):
            load({"CAAS_ADAPTERS": "kafka"}, **overrides)
