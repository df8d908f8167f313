"""Choose the adapters of the stack, which need the client libraries of the servers."""

import secrets

from core.damage import Damage
from core.health import Health
from core.ports.event_log import EventLog
from core.ports.node_registry import NodeRegistry
from core.settings import Settings
from edge.composition.compose import Adapters
from projections.ephemeral.known_nodes import KnownNodes
from projections.ephemeral.node_announcements import AnnouncedNodeRegistry
from projections.ephemeral.redis import RedisBus, RedisCache, RedisNodeRegistry
from projections.ephemeral.redis_limits import RedisLimits
from projections.ephemeral.redis_presence import RedisPresenceStore
from projections.search.elastic import ElasticIndex
from projections.stores.mongo import MongoDocuments
from streams.log.kafka.log import KafkaLog


def stack(settings: Settings, client_id: str, health: Health) -> Adapters:
    """Return adapters for Kafka, MongoDB, Redis and Elasticsearch."""
    damage, bus = Damage(), RedisBus(settings.redis_socket_url)
    presence = AnnouncedNodeRegistry(presence_of(settings), bus, secrets.token_hex(8))
    return Adapters(
        log=log_of(settings, client_id, health, damage),
        damage=damage,
        documents=MongoDocuments(settings.mongo_url, health=health),
        index=ElasticIndex(settings.search_url, flavour=settings.search_flavour, health=health),
        bus=bus,
        presence=presence,
        known=KnownNodes(presence, bus),
        saves_behind=True,
        people=RedisPresenceStore(settings.redis_socket_url),
        cache=RedisCache(settings.redis_shared_url),
        limits=RedisLimits(settings.redis_gateway_url),
    )


def log_of(settings: Settings, client_id: str, health: Health, damage: Damage) -> EventLog:
    """Return the log."""
    return KafkaLog(
        settings.kafka_bootstrap,
        client_id=client_id,
        timeout_s=settings.append_timeout_ms / 1000,
        health=health,
        damage=damage,
    )


def presence_of(settings: Settings) -> NodeRegistry:
    """Return the registry of nodes."""
    return RedisNodeRegistry(settings.redis_socket_url)
