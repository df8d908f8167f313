"""The writer of an SQLite log checks a file before it appends to it: whether its offsets fit, and its newest rows."""

import logging
import sqlite3
from pathlib import Path
from typing import Final

from projections.stores.sqlite_connection import within
from projections.stores.sqlite_thread import Broken
from schemas.topics import Partition
from streams.log.sqlite import file

NEWEST_RECORDS: Final = 100
NUMBERS_S: Final = 0.5

logger: Final = logging.getLogger("caas.sqlite")

_TABLES: Final = "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('meta', 'batches')"
# Rows follow each other from 0 on: without a gap their lengths add up to the end. The index has all needed columns.
_NUMBERS: Final = """SELECT topic, partition, max(next) FROM batches GROUP BY topic, partition
    HAVING sum(next - first) != max(next) OR min(first) != 0 OR min(next - first) < 1"""
_NEWEST: Final = "SELECT topic, partition, next FROM (SELECT * FROM batches ORDER BY id DESC LIMIT 100)"


def check(connection: sqlite3.Connection, path: Path, places: list[Partition]) -> None:
    """Check the file. A file without tables is a new one. Raises `Broken`."""
    tables = {name for (name,) in connection.execute(_TABLES)}
    if "batches" not in tables or connection.execute("SELECT 1 FROM batches").fetchone() is None:
        return
    try:
        epoch = file.epoch(connection)
    except sqlite3.OperationalError as error:
        raise Broken("it has records but no epoch") from error
    wrong = within(connection, NUMBERS_S, lambda one: one.execute(_NUMBERS).fetchall())
    if wrong is None:
        logger.info("%s: too many rows to check whether their numbers fit within %.1f s", path, NUMBERS_S)
    for topic, partition, end in wrong or ():
        raise Broken(f"{topic}/{partition}: records before offset {end} are missing or doubled")
    _check_newest(connection, epoch, places)


def _check_newest(connection: sqlite3.Connection, epoch: int, places: list[Partition]) -> None:
    ends = file.ends(connection, places)
    for topic, partition, end in connection.execute(_NEWEST).fetchall():
        if end > ends.get(Partition(topic, partition), end):
            raise Broken(f"{topic}/{partition}: the index ends before offset {end}, the table does not")
    checked = file.has_crc(connection)
    for place, end in ends.items():
        file.read(connection, epoch, place, max(0, end - NEWEST_RECORDS), end, checked=checked)
