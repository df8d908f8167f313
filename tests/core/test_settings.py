"""What the stack needs is asked for by name, and what an embedded system cannot do is refused."""

import pytest

from core.settings import InvalidSettings, Settings, only_given, only_on_the_stack

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
