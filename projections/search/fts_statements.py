"""The SQL of one generation of the full-text index."""

# ruff: noqa: S608 - the names put into statements are made of numbers

from typing import Final

STATES: Final = """CREATE TABLE IF NOT EXISTS states (generation INTEGER PRIMARY KEY, filling TEXT NOT NULL,
    checkpoint TEXT NOT NULL)"""
"""A row for each index: the token of the fill that is not complete yet, and `[[topic, partition, position], …]`."""
SHAPE: Final = 2
"""Raised when the tables change: an index of another shape is none, and is filled again from its rows."""


class Statements:
    """What a search looks at per message lies apart from the text, in narrow rows; a message that was taken out keeps
    its row, for its version. `number` is the message's order, or the next one that is free.

    Texts are kept as JSON, which has a way to write a NUL. The words are tokens with spaces between them: letters and
    digits of ASCII, and anything beyond, which the tokenizer `ascii` takes as it is.
    """

    def __init__(self, generation: int) -> None:
        entries, texts, words = (f"{name}{SHAPE}_{generation:d}" for name in ("entries", "texts", "words"))
        older = [f"{name}_{generation:d}" for name in ("words", "entries")]
        these = "(SELECT value FROM json_each(?))"
        self.make = _tables(entries, texts, words)
        self.drop = tuple(f"DROP TABLE IF EXISTS {name}" for name in (words, texts, entries, *older))
        self.stands = f"""SELECT filling, checkpoint FROM states WHERE generation = {generation:d}
            AND 3 = (SELECT count(*) FROM sqlite_master WHERE name IN ('{entries}', '{texts}', '{words}'))"""
        self.state = "INSERT OR REPLACE INTO states (generation, filling, checkpoint) VALUES (?, ?, ?)"
        self.forget_state = f"DELETE FROM states WHERE generation = {generation:d}"
        self.known = f"""SELECT json_group_array(json_array(message_id, version, number)) FROM {entries}
            WHERE message_id IN {these}"""
        self.taken = f"SELECT json_group_array(number) FROM {entries} WHERE number IN {these}"
        fields = "number, message_id, version, tenant, conversation_id, sender, offset, ordered"
        self.put = f"""INSERT INTO {entries} ({fields})
            SELECT {", ".join(f"json_extract(value, '$[{n}]')" for n in range(8))} FROM json_each(?) WHERE true
            ON CONFLICT (message_id) DO UPDATE SET version = excluded.version, tenant = excluded.tenant,
            conversation_id = excluded.conversation_id, sender = excluded.sender, offset = excluded.offset"""
        self.keep = f"""INSERT OR REPLACE INTO {texts} (number, text)
            SELECT json_extract(value, '$[0]'), json_extract(value, '$[8]') FROM json_each(?)"""
        self.forget = f"DELETE FROM {words} WHERE rowid IN {these}"
        self.learn = f"""INSERT INTO {words} (rowid, tokens)
            SELECT json_extract(value, '$[0]') AS at, json_extract(value, '$[9]') FROM json_each(?)
            WHERE json_extract(value, '$[9]') IS NOT NULL ORDER BY at"""
        # CROSS JOIN: start from the words, never from the conversations.
        self.search = f"""SELECT json_array(count(*), min(place),
            json_group_array(json_array(number, message_id, conversation_id, offset))
            FILTER (WHERE tenant = ?2 AND conversation_id IN (SELECT value FROM json_each(?3))))
            FROM (SELECT rowid AS place FROM {words} WHERE {words} MATCH ?1 AND rowid < ?4
            ORDER BY rowid DESC LIMIT ?5) CROSS JOIN {entries} ON number = place"""
        whole = f"""SELECT message_id, version, tenant, conversation_id, text, sender, offset, ordered FROM {entries}
            LEFT JOIN {texts} USING (number)"""
        as_lists = """SELECT json_group_array(
            json_array(message_id, version, tenant, conversation_id, json(text), sender, offset, ordered)) FROM"""
        self.entries = f"{as_lists} ({whole} WHERE message_id IN {these})"
        self.scan = f"{as_lists} ({whole} WHERE message_id > ? ORDER BY message_id LIMIT ?)"


def _tables(entries: str, texts: str, words: str) -> tuple[str, ...]:
    return (
        f"""CREATE TABLE {entries} (number INTEGER PRIMARY KEY, message_id TEXT UNIQUE, version INTEGER,
        tenant TEXT, conversation_id TEXT, sender TEXT, offset INTEGER, ordered INTEGER)""",
        f"CREATE TABLE {texts} (number INTEGER PRIMARY KEY, text TEXT)",
        f"""CREATE VIRTUAL TABLE {words} USING fts5 (tokens, tokenize = 'ascii', detail = none, columnsize = 0,
        prefix = '2 3')""",
    )
