"""Describes Kafka without ZooKeeper: one broker for work, three for outage tests; each is a controller too."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from deploy.local.kafka_wire import brokers_seen
from deploy.local.server import HOST, JavaCommand, Layout, Package, Server

PACKAGE = Package(
    name="kafka-4.1.1",
    # Kafka brings the slf4j interface and log4j but nothing that joins them: without the binding it logs nothing.
    artifacts=("org.apache.kafka:kafka_2.13:4.1.1", "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"),
    java=17,
)
CLIENTS, CONTROLLERS = 9092, 9192

LOGGING = """\
status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %-5p %c{1} %m%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
logger.config.name = org.apache.kafka.common.config
logger.config.level = warn
logger.kafkaconfig.name = kafka.server.KafkaConfig
logger.kafkaconfig.level = warn
"""


def replication(brokers: int) -> tuple[int, int]:
    """Return (copies of each partition, copies that must have a record before it is acknowledged)."""
    return (1, 1) if brokers == 1 else (3, 2)


SMALL: Final[dict[str, str | int]] = {
    "log.segment.bytes": 64 << 20,
    "log.index.size.max.bytes": 256 << 10,
    "offsets.topic.num.partitions": 6,
    "offsets.topic.segment.bytes": 16 << 20,
    "transaction.state.log.num.partitions": 3,
    "transaction.state.log.segment.bytes": 16 << 20,
    "share.coordinator.state.topic.num.partitions": 1,
    "log.cleaner.dedupe.buffer.size": 16 << 20,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 2,
    "num.replica.fetchers": 1,
}
"""Settings for many partitions on one machine: small files and buffers, few threads. Index sizes fit the segments."""


def properties(node: int, brokers: int, data: Path, shift: int = 0) -> str:
    """Return the configuration file of one broker."""
    copies, in_sync = replication(brokers)
    voters = ",".join(f"{n}@{HOST}:{CONTROLLERS + shift + n - 1}" for n in range(1, brokers + 1))
    client, controller = CLIENTS + shift + node - 1, CONTROLLERS + shift + node - 1
    settings: dict[str, str | int] = {
        "process.roles": "broker,controller",
        "node.id": node,
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{client},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{client}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        # A dead broker is detected in 3 s: tests wait for it.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        **SMALL,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def check_brokers(port: int, wanted: frozenset[int]) -> str | None:
    """Return None if the broker at this port is in service and sees the wanted ones in service, else the reason."""
    try:
        seen = brokers_seen(HOST, port)
    except OSError as error:
        return str(error)
    missing = wanted - seen
    return f"it does not see broker {', '.join(map(str, sorted(missing)))} yet" if missing else None


def servers(layout: Layout, brokers: int, cluster: str, shift: int = 0) -> tuple[Server, ...]:
    """Return the brokers; `cluster` is the cluster id that is written into their data."""
    return tuple(_broker(layout, node, brokers, cluster, shift) for node in range(1, brokers + 1))


def _broker(layout: Layout, node: int, brokers: int, cluster: str, shift: int) -> Server:
    name, port = f"kafka-{node}", CLIENTS + shift + node - 1
    config, logging = layout.config(name) / "server.properties", layout.config(name) / "log4j2.properties"
    heap = "-Xmx512m" if brokers == 1 else "-Xmx320m"
    options = (heap, "-Xms128m", "-XX:MaxGCPauseMillis=20", f"-Dlog4j2.configurationFile={logging}")
    return Server(
        name=name,
        role="kafka",
        ports=(port, CONTROLLERS + shift + node - 1),
        command=JavaCommand(PACKAGE, "kafka.Kafka", options, (str(config),)),
        probe=partial(check_brokers, port, frozenset({node})),
        peer_probe=partial(check_brokers, port, frozenset(range(1, brokers + 1))),
        files={config: properties(node, brokers, layout.data(name), shift), logging: LOGGING},
        prepare=JavaCommand(
            PACKAGE,
            "kafka.tools.StorageTool",
            ("-Xmx128m", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={logging}"),
            ("format", "-t", cluster, "-c", str(config), "--ignore-formatted"),
        ),
        prepared=layout.data(name) / "meta.properties",
    )
