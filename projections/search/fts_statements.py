"""Builds the SQL of one generation of the full-text index."""

# ruff: noqa: S608 - the names in statements contain only numbers of ours

from typing import Final

STATES: Final = """CREATE TABLE IF NOT EXISTS states (generation INTEGER PRIMARY KEY, filling TEXT NOT NULL,
    checkpoint TEXT NOT NULL)"""
"""A row for each index: the token of an incomplete fill, and `[[topic, partition, position], …]`."""
SCHEMA_VERSION: Final = 2
"""Increased when the tables change: an index of another version is ignored, and filled again from the rows."""


class Statements:
    """The statements of one generation. The fields that a search reads per message are in narrow rows, apart from the
    text; a removed message keeps its row, for its version. `number` is the message's order, or the next free one.

    Texts are stored as JSON, which can represent a NUL. The words are tokens separated by spaces: ASCII letters and
    digits, and all other characters, which the tokenizer `ascii` does not change.
    """

    def __init__(self, generation: int) -> None:
        entries, texts, words = (f"{name}{SCHEMA_VERSION}_{generation:d}" for name in ("entries", "texts", "words"))
        older = [f"{name}_{generation:d}" for name in ("words", "entries")]
        these = "(SELECT value FROM json_each(?))"
        self.create = _tables(entries, texts, words)
        self.drop = tuple(f"DROP TABLE IF EXISTS {name}" for name in (words, texts, entries, *older))
        self.read_state = f"""SELECT filling, checkpoint FROM states WHERE generation = {generation:d}
            AND 3 = (SELECT count(*) FROM sqlite_master WHERE name IN ('{entries}', '{texts}', '{words}'))"""
        self.state = "INSERT OR REPLACE INTO states (generation, filling, checkpoint) VALUES (?, ?, ?)"
        self.drop_state = f"DELETE FROM states WHERE generation = {generation:d}"
        self.known = f"""SELECT json_group_array(json_array(message_id, version, number)) FROM {entries}
            WHERE message_id IN {these}"""
        self.used_numbers = f"SELECT json_group_array(number) FROM {entries} WHERE number IN {these}"
        fields = "number, message_id, version, tenant, conversation_id, sender, offset, ordered"
        self.put = f"""INSERT INTO {entries} ({fields})
            SELECT {", ".join(f"json_extract(value, '$[{n}]')" for n in range(8))} FROM json_each(?) WHERE true
            ON CONFLICT (message_id) DO UPDATE SET version = excluded.version, tenant = excluded.tenant,
            conversation_id = excluded.conversation_id, sender = excluded.sender, offset = excluded.offset"""
        self.put_texts = f"""INSERT OR REPLACE INTO {texts} (number, text)
            SELECT json_extract(value, '$[0]'), json_extract(value, '$[8]') FROM json_each(?)"""
        self.drop_words = f"DELETE FROM {words} WHERE rowid IN {these}"
        self.put_words = f"""INSERT INTO {words} (rowid, tokens)
            SELECT json_extract(value, '$[0]') AS at, json_extract(value, '$[9]') FROM json_each(?)
            WHERE json_extract(value, '$[9]') IS NOT NULL ORDER BY at"""
        # CROSS JOIN: start from the words, never from the conversations.
        self.search = f"""SELECT json_array(count(*), min(place),
            json_group_array(json_array(number, message_id, conversation_id, offset))
            FILTER (WHERE tenant = ?2 AND conversation_id IN (SELECT value FROM json_each(?3))))
            FROM (SELECT rowid AS place FROM {words} WHERE {words} MATCH ?1 AND rowid < ?4
            ORDER BY rowid DESC LIMIT ?5) CROSS JOIN {entries} ON number = place"""
        joined = f"""SELECT message_id, version, tenant, conversation_id, text, sender, offset, ordered FROM {entries}
            LEFT JOIN {texts} USING (number)"""
        as_lists = """SELECT json_group_array(
            json_array(message_id, version, tenant, conversation_id, json(text), sender, offset, ordered)) FROM"""
        self.entries = f"{as_lists} ({joined} WHERE message_id IN {these})"
        self.scan = f"{as_lists} ({joined} WHERE message_id > ? ORDER BY message_id LIMIT ?)"


def _tables(entries: str, texts: str, words: str) -> tuple[str, ...]:
    return (
        f"""CREATE TABLE {entries} (number INTEGER PRIMARY KEY, message_id TEXT UNIQUE, version INTEGER,
        tenant TEXT, conversation_id TEXT, sender TEXT, offset INTEGER, ordered INTEGER)""",
        f"CREATE TABLE {texts} (number INTEGER PRIMARY KEY, text TEXT)",
        f"""CREATE VIRTUAL TABLE {words} USING fts5 (tokens, tokenize = 'ascii', detail = none, columnsize = 0,
        prefix = '2 3')""",
    )
