"""Settings that point CAAS at the servers of a stack."""

from __future__ import annotations

from deploy.local import kafka, mongo, redis, search
from deploy.local.server import HOST


def settings(brokers: int, shift: int = 0) -> dict[str, str]:
    """Return environment variables by name."""
    copies, in_sync = kafka.replication(brokers)
    bootstrap = (f"{HOST}:{kafka.CLIENTS + shift + n}" for n in range(brokers))
    caches = {f"CAAS_REDIS_{use.upper()}_URL": f"redis://{HOST}:{port + shift}/0" for use, port in redis.PORTS.items()}
    return {
        "CAAS_ADAPTERS": "stack",
        "CAAS_KAFKA_BOOTSTRAP": ",".join(bootstrap),
        "CAAS_KAFKA_REPLICATION": str(copies),
        "CAAS_KAFKA_MIN_INSYNC": str(in_sync),
        "CAAS_MONGO_URL": f"mongodb://{HOST}:{mongo.PORT + shift}/caas",
        **caches,
        "CAAS_SEARCH_URL": f"http://{HOST}:{search.HTTP + shift}",
        "CAAS_SEARCH_FLAVOUR": "opensearch",
    }
