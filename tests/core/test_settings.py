"""What the stack needs is asked for by name, and what an embedded system cannot do is refused."""

import pytest

from core.settings import InvalidSettings, Settings, is_within, listed, load, networks, only_given, only_on_the_stack

STACK = Settings(adapters="stack", app_key="k")


def test_a_secret_that_the_stack_needs_is_asked_for_with_how_to_make_one() -> None:
    with pytest.raises(InvalidSettings) as told:
        only_given(STACK, "app_key", "app_secret", "token_secret")
    assert [line.partition(": ")[0] for line in str(told.value).splitlines()] == [
        "CAAS_APP_SECRET",
        "CAAS_TOKEN_SECRET",
    ]
    assert str(told.value).count("`openssl rand -hex 32`") == 2


def test_what_is_given_or_not_needed_is_not_asked_for() -> None:
    only_given(STACK, "app_key")
    only_given(STACK)


def test_an_embedded_system_makes_its_own() -> None:
    only_given(Settings(), "app_key", "app_secret", "token_secret")


def test_what_is_a_process_of_its_own_on_the_stack_is_refused_embedded() -> None:
    only_on_the_stack(STACK)
    with pytest.raises(InvalidSettings, match="`caas up`"):
        only_on_the_stack(Settings())


@pytest.mark.parametrize(
    "listed", ["", "*", "https://one.example", "http://one.example:8080, capacitor://localhost,null"]
)
def test_origins_are_named_whole(listed: str) -> None:
    assert load({"CAAS_ORIGINS": listed}).origins == listed


@pytest.mark.parametrize(
    "listed", ["one.example", "https://one.example/", "https://", "https://a b", "https://a,,https://b"]
)
def test_an_origin_that_no_browser_would_name_is_told(listed: str) -> None:
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


def test_the_own_tenant_is_among_those_that_are_served() -> None:
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
def test_who_comes_from_this_machine_is_told_what_health_rests_on(peer: str | None, within: bool) -> None:
    assert is_within(peer, networks(load({}).health_networks)) is within


@pytest.mark.parametrize("name", ["CAAS_USER_COMMANDS_PER_S", "CAAS_USER_CONNECTIONS", "CAAS_HANDSHAKES_PER_S"])
def test_a_limit_may_be_zero_and_not_less(name: str) -> None:
    assert getattr(load({name: "0"}), name.removeprefix("CAAS_").lower()) == 0
    with pytest.raises(InvalidSettings, match=name):
        load({name: "-1"})


def test_a_value_that_is_none_of_the_few_is_refused_also_where_something_stands_above_it() -> None:
    for overrides in ({}, {"adapters": "embedded"}):
        with pytest.raises(InvalidSettings, match=r"^CAAS_ADAPTERS='kafka': one of embedded, stack$"):
            load({"CAAS_ADAPTERS": "kafka"}, **overrides)
