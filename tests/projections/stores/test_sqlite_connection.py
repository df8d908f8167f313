"""Work on a connection ends at its timeout."""

import sqlite3

import pytest

from projections.stores.sqlite_connection import within

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def test_work_is_interrupted_at_its_timeout_and_the_connection_remains_usable() -> None:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    assert within(connection, 0.05, lambda one: one.execute(ENDLESS).fetchall()) is None
    assert within(connection, 10, lambda one: one.execute("SELECT 1").fetchall()) == [(1,)]
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        within(connection, 10, lambda one: one.execute("SELECT * FROM numbers"))
    connection.close()
