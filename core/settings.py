"""Settings are read from `CAAS_*` environment variables and checked at start; every wrong one is reported."""

import ipaddress
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from core import log_levels
from core.domain.add_policy import AddPolicy
from schemas.bounds import (
    COMMANDS_BURST,
    COMMANDS_PER_S,
    CONVERSATION_MEMBERS,
    USER_COMMANDS_BURST,
    USER_COMMANDS_PER_S,
    USER_CONVERSATIONS,
    USER_SEARCHES_PER_MIN,
)

PREFIX: Final = "CAAS_"
Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
OrNone = Annotated[int, Meta(ge=0)]
"""0: no limit."""
Ratio = Annotated[float, Meta(ge=0, le=1)]
Url = Annotated[str, Meta(pattern=r"^(https?://[^\s?#]+)?\Z")]
TENANT: Final = "default"
Filled = Annotated[str, Meta(min_length=1)]
_ORIGIN: Final = r"\s*(\*|null|[A-Za-z][A-Za-z0-9+.-]*://[^/,\s]+)\s*"
Origins = Annotated[str, Meta(pattern=rf"^({_ORIGIN}(,{_ORIGIN})*)?\Z")]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting with its default; `docs/operations.md` describes them."""

    adapters: Literal["embedded", "stack"] = "embedded"
    data: Filled = ".caas/data"
    host: Filled = "127.0.0.1"
    port: Port = 3000
    socket_port: Port = 3002
    compliance_port: Port = 3008
    public_url: str = ""
    socket_urls: str = ""
    socket_public_url: str = ""
    node: str = ""
    tenant: Filled = TENANT
    tenants: str = ""
    app_key: str = ""
    app_secret: str = ""
    token_secret: str = ""
    audit_seed: str = ""
    audit_checkpoints: str = ""
    audit_checkpoint_s: OrNone = 3600
    token_ttl_s: Positive = 900
    heartbeat_ms: Positive = 20_000
    login_ms: Positive = 10_000
    commands_per_s: Positive = COMMANDS_PER_S
    commands_burst: Positive = COMMANDS_BURST
    user_commands_per_s: OrNone = USER_COMMANDS_PER_S
    user_commands_burst: Positive = USER_COMMANDS_BURST
    user_searches_per_min: OrNone = USER_SEARCHES_PER_MIN
    user_connections: OrNone = 100
    user_conversations: OrNone = USER_CONVERSATIONS
    conversation_members: Positive = CONVERSATION_MEMBERS
    add_policy: AddPolicy = "anyone"
    node_connections: OrNone = 20_000
    unauthenticated_connections: OrNone = 2_000
    unauthenticated_per_address: OrNone = 200
    handshakes_per_s: OrNone = 100
    handshakes_burst: Positive = 1_000
    origins: Origins = ""
    trusted_proxies: str = ""
    health_networks: str = "127.0.0.0/8,::1"
    unpersisted: OrNone = 1_000
    conversation_unpersisted: OrNone = 250
    outbox_bytes: Positive = 1_048_576
    slow_consumer_ms: Positive = 10_000
    drain_ms: Positive = 5_000
    log_level: str = "info"
    otlp_endpoint: Url = ""
    otlp_interval_ms: Positive = 5_000
    trace_ratio: Ratio = 0.01
    traced_callers_per_s: OrNone = 100
    log_format: Literal["auto", "text", "json"] = "auto"
    kafka_bootstrap: Filled = "127.0.0.1:9092"
    kafka_replication: Positive = 1
    kafka_min_insync: Positive = 1
    append_timeout_ms: Positive = 30_000
    session_timeout_ms: Positive = 10_000
    mongo_url: Filled = "mongodb://127.0.0.1:27017/caas"
    redis_socket_url: Filled = "redis://127.0.0.1:6380/0"
    redis_shared_url: Filled = "redis://127.0.0.1:6381/0"
    redis_gateway_url: Filled = "redis://127.0.0.1:6379/0"
    redis_compliance_url: Filled = "redis://127.0.0.1:6382/0"
    redis_crypto_url: Filled = "redis://127.0.0.1:6383/0"
    search_url: Filled = "http://127.0.0.1:9201"
    search_flavour: Literal["elasticsearch", "opensearch"] = "elasticsearch"
    batch: Positive = 500
    trace_days: Positive = 30


NAMES: Final = tuple(PREFIX + field.upper() for field in Settings.__struct_fields__)
OTHERS: Final = frozenset(
    PREFIX + name for name in ("RECORDING", "SEEDS", "SOAK_MINUTES", "STACK_DIR", "CACHE", "TEST_MONGO", "TEST_SERVERS")
)
"""Variables of the launcher and the tests."""
HOW_GIVEN: Final = "the stack needs it, the same for all processes; `openssl rand -hex 32` makes one"


class InvalidSettings(ValueError):
    """Settings are wrong. The message has one line per wrong variable."""


def load(environment: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    """Return the settings of this environment; `overrides` take precedence. Raises `InvalidSettings`."""
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    wrong = [f"{name}: there is no such setting" for name in given if name not in NAMES and name not in OTHERS]
    values: dict[str, Any] = {name.removeprefix(PREFIX).lower(): value for name, value in given.items()}
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        if field.name in values:
            try:
                found[field.name] = msgspec.convert(values[field.name], field.type, strict=False)
            except msgspec.ValidationError as error:
                wrong.append(f"{PREFIX}{field.name.upper()}={values[field.name]!r}: {_explain(error, field.type)}")
    found |= {name: value for name, value in overrides.items() if value is not None}
    checks = {"trusted_proxies": networks, "health_networks": networks, "log_level": log_levels.parse}
    for name in checks.keys() & found.keys():
        try:
            checks[name](found[name])
        except ValueError as error:
            wrong.append(f"{PREFIX}{name.upper()}={found[name]!r}: {error}")
    served = listed(found.get("tenants", ""))
    if served and found.get("tenant", TENANT) not in served:
        wrong.append(f"{PREFIX}TENANTS={found['tenants']!r}: {PREFIX}TENANT is none of these")
    if wrong:
        raise InvalidSettings("\n".join(sorted(wrong)))
    return Settings(**found)


def _explain(error: msgspec.ValidationError, kind: Any) -> str:
    """Describe what is wrong with a value: the allowed values if there are few."""
    known = get_args(kind) if get_origin(kind) is Literal else ()
    return "one of " + ", ".join(map(str, known)) if known else str(error)


def listed(text: str) -> frozenset[str]:
    """Return the names in a list separated by commas."""
    return frozenset(filled for part in text.split(",") if (filled := part.strip()))


def networks(text: str) -> tuple[Network, ...]:
    """Return the addresses and networks in a list separated by commas. Raises `ValueError`."""
    return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def address_of(peer: str | None) -> Address | None:
    """Parse an address; an IPv4 address mapped into IPv6 is returned as IPv4. Return None if the text is none."""
    try:
        found = ipaddress.ip_address((peer or "").partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def is_within(peer: str | None, where: Sequence[Network]) -> bool:
    """Return whether this address is in one of these networks; text that is no address is in none."""
    found = address_of(peer)
    return found is not None and any(found in network for network in where)


def require_stack(settings: Settings) -> None:
    """Require the stack's adapters. Raises `InvalidSettings` if the system is embedded."""
    if settings.adapters == "embedded":
        raise InvalidSettings("CAAS_ADAPTERS=embedded: an embedded system is one process, start it with `caas up`")


def require_secrets(settings: Settings, *secrets: str) -> None:
    """Require these secrets on the stack: its processes must share them. Raises `InvalidSettings` for empty ones."""
    missing = [PREFIX + name.upper() for name in secrets if not getattr(settings, name)]
    if settings.adapters == "stack" and missing:
        raise InvalidSettings("\n".join(f"{name}: {HOW_GIVEN}" for name in missing))
