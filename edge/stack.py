"""The servers behind the ports: the half of the composition root that needs their clients."""

from core.damage import Damage
from core.health import Health
from core.ports.hints import Presence
from core.settings import Settings
from edge.compose import Adapters
from projections.cache.redis import RedisBus, RedisCache, RedisPresence
from projections.cache.redis_limits import RedisLimits
from projections.cache.redis_people import RedisPeople
from projections.search.elastic import ElasticIndex
from projections.stores.mongo import MongoDocuments
from streams.log.kafka import KafkaLog


def stack(settings: Settings, client_id: str, health: Health) -> Adapters:
    """Kafka, MongoDB, Redis and Elasticsearch."""
    damage = Damage()
    return Adapters(
        log=KafkaLog(
            settings.kafka_bootstrap,
            client_id=client_id,
            timeout_s=settings.append_timeout_ms / 1000,
            health=health,
            damage=damage,
        ),
        damage=damage,
        documents=MongoDocuments(settings.mongo_url, health=health),
        index=ElasticIndex(settings.search_url, flavour=settings.search_flavour, health=health),
        bus=RedisBus(settings.redis_socket_url),
        presence=presence_of(settings),
        people=RedisPeople(settings.redis_socket_url),
        cache=RedisCache(settings.redis_shared_url),
        limits=RedisLimits(settings.redis_gateway_url),
    )


def presence_of(settings: Settings) -> Presence:
    """Which nodes there are."""
    return RedisPresence(settings.redis_socket_url)
