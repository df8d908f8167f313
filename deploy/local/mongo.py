"""Describes mongo-java-server, which serves MongoDB's wire protocol: in memory for speed, or in a file that is kept."""

from __future__ import annotations

import socket
from functools import partial
from typing import Any, Literal

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.server import HOST, JavaCommand, Layout, Package, Server

Backend = Literal["memory", "h2"]
PORT = 27017
PACKAGE = Package(
    name="mongo-java-server-1.47.0",
    artifacts=(
        "de.bwaldvogel:mongo-java-server:1.47.0",
        "de.bwaldvogel:mongo-java-server-h2-backend:1.47.0",
        "org.slf4j:slf4j-simple:2.0.17",
    ),
    java=17,
    source="MongoServerMain.java",
)


def answers(port: int) -> str | None:
    """Return None if the server accepts the driver and answers its ping, else the reason."""
    try:
        # The driver would wait for a missing server until its timeout.
        socket.create_connection((HOST, port), 1.0).close()
    except OSError as error:
        return str(error)
    return _pings(f"mongodb://{HOST}:{port}/?directConnection=true&serverSelectionTimeoutMS=1000&socketTimeoutMS=1000")


def _pings(url: str) -> str | None:
    client: MongoClient[dict[str, Any]] = MongoClient(url)
    try:
        client.admin.command("ping")
    except PyMongoError as error:
        return str(error).split(",", 1)[0]
    finally:
        client.close()
    return None


def servers(layout: Layout, backend: Backend = "memory", shift: int = 0) -> tuple[Server, ...]:
    """Return the one server."""
    port = PORT + shift
    storage = "memory" if backend == "memory" else str(layout.data("mongo") / "mongo.mv")
    options = (
        "-Xmx1g",
        "-Xms128m",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
    )
    command = JavaCommand(PACKAGE, "MongoServerMain", options, (HOST, str(port), storage))
    return (Server("mongo", "mongo", (port,), command, partial(answers, port)),)
