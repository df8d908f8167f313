"""The SQL of one generation of the full-text index."""

# ruff: noqa: S608 - the names put into statements are made of numbers

from typing import Final

STATES: Final = """CREATE TABLE IF NOT EXISTS states (generation INTEGER PRIMARY KEY, filling TEXT NOT NULL,
    checkpoint TEXT NOT NULL)"""
"""A row for each index: the token of the fill that is not complete yet, and `[[topic, partition, position], …]`."""


class Statements:
    """What a search looks at per message lies apart from the text, in narrow rows; a message that was taken out keeps
    its row, for its version.
    """

    def __init__(self, generation: int) -> None:
        entries, words = f"entries_{generation:d}", f"words_{generation:d}"
        these = "(SELECT value FROM json_each(?))"
        self.make = (
            f"""CREATE TABLE {entries} (number INTEGER PRIMARY KEY, message_id TEXT UNIQUE,
            version INTEGER, tenant TEXT, conversation_id TEXT)""",
            f"CREATE VIRTUAL TABLE {words} USING fts5 (text, tokenize = 'unicode61 remove_diacritics 0')",
        )
        self.drop = (f"DROP TABLE IF EXISTS {words}", f"DROP TABLE IF EXISTS {entries}")
        self.stands = f"""SELECT filling, checkpoint FROM states WHERE generation = {generation:d}
            AND 2 = (SELECT count(*) FROM sqlite_master WHERE name IN ('{entries}', '{words}'))"""
        self.state = "INSERT OR REPLACE INTO states (generation, filling, checkpoint) VALUES (?, ?, ?)"
        self.forget_state = f"DELETE FROM states WHERE generation = {generation:d}"
        self.newer = f"""SELECT json_group_array(key) FROM json_each(?) LEFT JOIN {entries}
            ON message_id = json_extract(value, '$[0]')
            WHERE version IS NULL OR version < json_extract(value, '$[1]')"""
        self.put = f"""INSERT INTO {entries} (message_id, version, tenant, conversation_id)
            SELECT {", ".join(f"json_extract(value, '$[{n}]')" for n in range(4))} FROM json_each(?) WHERE true
            ON CONFLICT (message_id) DO UPDATE SET version = excluded.version,
            tenant = excluded.tenant, conversation_id = excluded.conversation_id"""
        self.forget = f"""DELETE FROM {words}
            WHERE rowid IN (SELECT number FROM {entries} WHERE message_id IN {these})"""
        self.learn = f"""INSERT INTO {words} (rowid, text) SELECT number, json_extract(value, '$[4]')
            FROM json_each(?) JOIN {entries} ON message_id = json_extract(value, '$[0]')
            WHERE json_extract(value, '$[4]') IS NOT NULL"""
        # CROSS JOIN: start from the words, never from the conversations.
        self.search = f"""SELECT json_group_array(message_id) FROM (SELECT message_id FROM {words} CROSS JOIN {entries}
            ON number = {words}.rowid WHERE {words} MATCH ? AND tenant = ?
            AND conversation_id IN {these} ORDER BY rank, message_id LIMIT ?)"""
        whole = f"""SELECT message_id, version, tenant, conversation_id, text FROM {entries}
            LEFT JOIN {words} ON {words}.rowid = number"""
        as_lists = "SELECT json_group_array(json_array(message_id, version, tenant, conversation_id, text)) FROM"
        self.entries = f"{as_lists} ({whole} WHERE message_id IN {these})"
        self.scan = f"{as_lists} ({whole} WHERE message_id > ? ORDER BY message_id LIMIT ?)"
