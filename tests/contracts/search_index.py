"""Contract of every search index, in an index that other tests have written to."""

import random
from collections.abc import AsyncIterator, Iterable

import pytest

from core import search_text
from core.ports.event_log import Unavailable
from core.ports.search_index import Entry, Hit, IndexBehind, OffsetRange, Query, SearchIndex
from schemas.topics import MESSAGE_EDITED, MESSAGE_SENT, Partition
from tests.contracts.search_texts import TEXTS, Case

SENT, OTHERS, EDITED = Partition(MESSAGE_SENT, 0), Partition(MESSAGE_SENT, 5), Partition(MESSAGE_EDITED, 0)
ALL = (SENT, OTHERS, EDITED)
FAR = (3 << 48) + 7
CONVERSATION = "c0000000-0000-5000-8000-000000000001"
OTHER = "c0000000-0000-5000-8000-000000000002"


def entry(
    message: str,
    text: str | None,
    version: int = 1,
    conversation: str = CONVERSATION,
    *,
    sender: str = "ann",
    offset: int = 7,
    order: int = 1000,
) -> Entry:
    return Entry(message, version, "acme", conversation, text, sender, offset, order)


def query(
    text: str,
    conversations: Iterable[str] = (CONVERSATION,),
    *,
    tenant: str = "acme",
    prefix: bool = False,
    sender: str | None = None,
    ranges: Iterable[OffsetRange] | None = None,
) -> Query:
    wanted = search_text.wanted(text, prefix=prefix)
    where = list(map(OffsetRange, conversations)) if ranges is None else list(ranges)
    return Query(tenant, wanted.tokens, where, wanted.beginning, sender)


async def ids(index: SearchIndex, generation: int, asked: Query, limit: int = 100) -> list[str]:
    """Return all hits, page by page."""
    found, before = list[str](), None
    while True:
        hits = await index.search(generation, asked, before=before, limit=limit)
        assert len(hits.found) <= limit
        found += [hit.message_id for hit in hits.found]
        if hits.rest is None:
            return found
        before = hits.rest


async def made(index: SearchIndex, generation: int) -> None:
    """Create a complete, empty index of this generation."""
    await index.complete(generation, await index.begin(generation), {})


def having(asked: str, texts: dict[str, Case]) -> list[str]:
    """Return the texts that have all tokens of a query."""
    wanted = set(search_text.wanted(asked).tokens)
    return [key for key, case in texts.items() if wanted and wanted <= set(search_text.tokens(case.text))]


class SearchIndexContract:
    """Give a fixture `index`: a started SearchIndex, stopped by the fixture afterwards."""

    @pytest.fixture
    async def generation(self, index: SearchIndex) -> AsyncIterator[int]:
        generation = random.randrange(1, 1_000_000)
        await made(index, generation)
        yield generation
        await index.drop(generation)

    async def put(self, index: SearchIndex, generation: int, *entries: Entry) -> None:
        await index.put(generation, entries)
        await index.refresh(generation)

    async def found(self, index: SearchIndex, generation: int, text: str) -> list[str]:
        return await ids(index, generation, query(text))

    # words

    async def test_message_is_found_by_each_word(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "The budget, for 2027: approved!"), entry("b", "lunch?"))
        for text in ("budget", "2027", "approved", "the budget", "APPROVED Budget", "budget!", "(2027)"):
            assert await self.found(index, generation, text) == ["a"], text

    async def test_all_words_must_match(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "red apples"), entry("b", "green apples"), entry("c", "red pears"))
        assert sorted(await self.found(index, generation, "apples")) == ["a", "b"]
        assert await self.found(index, generation, "red apples") == ["a"]
        assert await self.found(index, generation, "apples red") == ["a"]
        assert await self.found(index, generation, "red bananas") == []

    async def test_words_of_other_scripts_are_words(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "Привет, как дела"), entry("b", "Grüße aus Köln"))
        assert await self.found(index, generation, "привет") == ["a"]
        assert await self.found(index, generation, "grüße KÖLN") == ["b"]

    async def test_word_with_an_apostrophe_is_found(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "I don't know"), entry("b", "i know"))
        assert await self.found(index, generation, "don't know") == ["a"]

    @pytest.mark.parametrize("text", ["", " ", "\n\t", '"', "***", "!?", "()", "- -", "'", "\\", "\x00"])
    async def test_query_without_a_word_finds_nothing(self, index: SearchIndex, generation: int, text: str) -> None:
        await self.put(index, generation, entry("a", "anything at all * \" - ' ()"))
        assert await self.found(index, generation, text) == []

    @pytest.mark.parametrize(
        "text",
        [
            'budget"',
            '"budget',
            "budget*",
            "*budget",
            "(budget",
            "budget)",
            "^budget",
            "-budget",
            "+budget",
            "budget~",
            "{budget}",
            "budget\\",
            "'; budget --",
            "budget\x00",
        ],
    )
    async def test_query_syntax_characters_are_not_words(self, index: SearchIndex, generation: int, text: str) -> None:
        await self.put(index, generation, entry("a", "the budget"), entry("b", "lunch"))
        assert await self.found(index, generation, text) == ["a"]

    @pytest.mark.parametrize("operator", ["AND", "OR", "NOT", "NEAR", "TO", "text:", "tenant:"])
    async def test_operators_of_query_languages_are_words(
        self, index: SearchIndex, generation: int, operator: str
    ) -> None:
        word = operator.strip(":").lower()
        await self.put(index, generation, entry("a", f"apples {word} pears"), entry("b", "apples pears"))
        assert await self.found(index, generation, f"apples {operator} pears") == ["a"]

    async def test_long_query_is_answered(self, index: SearchIndex, generation: int) -> None:
        words = " ".join(f"word{n}" for n in range(60))
        await self.put(index, generation, entry("a", words), entry("b", words[:-3]))
        assert await self.found(index, generation, words) == ["a"]

    async def test_word_longer_than_a_token_is_found(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "x" * 20_000), entry("b", "y" * 20_000), entry("c", "语" * 20_000))
        assert await self.found(index, generation, "x" * 20_000) == ["a"]
        assert await self.found(index, generation, "语语") == ["c"]

    async def test_all_indexes_find_the_same_texts_in_every_script(self, index: SearchIndex, generation: int) -> None:
        texts = {f"{n:02} {case.script}": case for n, case in enumerate(TEXTS)}
        await self.put(index, generation, *(entry(key, case.text) for key, case in texts.items()))
        wrong = list[tuple[str, str, list[str]]]()
        for key, case in texts.items():
            for asked in (*case.finds, *case.misses):
                found = await self.found(index, generation, asked)
                if sorted(found) != having(asked, texts) or (asked in case.finds and key not in found):
                    wrong.append((key, asked, found))
        assert wrong == []

    # prefixes

    async def test_word_is_found_by_its_prefix_on_request(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "the budgets"), entry("b", "the bud"), entry("c", "bad budapest"))
        for text, found in (("the bud", "ab"), ("bud", "abc"), ("budg", "a"), ("BUDGETS", "a"), ("the budgetsy", "")):
            assert sorted(await ids(index, generation, query(text, prefix=True))) == list(found), text
        assert await self.found(index, generation, "budg") == []

    async def test_short_or_inner_prefix_is_a_word(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "b bud"), entry("b", "budget"))
        assert await ids(index, generation, query("b", prefix=True)) == ["a"]
        assert await ids(index, generation, query("bud ", prefix=True)) == ["a"]

    # ranges

    async def test_only_the_given_conversations_are_searched(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello"), entry("b", "hello", conversation=OTHER))
        assert await ids(index, generation, query("hello")) == ["a"]
        assert await ids(index, generation, query("hello", [OTHER])) == ["b"]
        assert sorted(await ids(index, generation, query("hello", [OTHER, CONVERSATION]))) == ["a", "b"]
        assert await ids(index, generation, query("hello", [])) == []

    async def test_another_tenant_finds_nothing(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello"))
        assert await ids(index, generation, query("hello", tenant="other")) == []

    async def test_thousands_of_conversations_can_be_searched(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello"), entry("b", "hello", conversation=OTHER))
        many = [f"c0000000-0000-5000-8000-{n:012}" for n in range(10, 5010)]
        assert await ids(index, generation, query("hello", [*many, CONVERSATION])) == ["a"]

    async def test_only_the_given_ranges_are_searched(self, index: SearchIndex, generation: int) -> None:
        many = [entry(f"m{n:03}", "zebra", offset=n, order=n) for n in range(300)]
        await self.put(index, generation, *many, entry("other", "zebra", conversation=OTHER, offset=7))
        ranges = [
            OffsetRange(CONVERSATION, 3, 4),
            OffsetRange(CONVERSATION, 10, 11),
            OffsetRange(OTHER, 7),
            OffsetRange(CONVERSATION, 299),
        ]
        found = await ids(index, generation, query("zebra", ranges=ranges), limit=2)
        assert found == ["other", "m299", "m011", "m010", "m004", "m003"]
        assert (
            await ids(index, generation, query("zebra", ranges=[OffsetRange(OTHER, 8), OffsetRange(CONVERSATION, 300)]))
            == []
        )

    async def test_thousands_of_ranges_can_be_searched(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello", offset=5), entry("b", "hello", offset=6))
        many = [OffsetRange(f"c0000000-0000-5000-8000-{n:012}", 1, 9) for n in range(10, 3010)]
        for ranges in ([*many, OffsetRange(CONVERSATION, 6)], [OffsetRange(CONVERSATION, 6), *many]):
            assert await ids(index, generation, query("hello", ranges=ranges)) == ["b"]

    async def test_search_can_be_limited_to_one_sender(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello"), entry("b", "hello ben", sender="ben"))
        assert await ids(index, generation, query("hello", sender="ben")) == ["b"]
        assert await ids(index, generation, query("ben", sender="ann")) == []

    # order and pages

    async def test_pages_are_newest_first(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, *(entry(f"m{n:02}", "hello", order=100 - n) for n in range(30)))
        asked, every = query("hello"), [f"m{n:02}" for n in range(30)]
        first = await index.search(generation, asked, limit=7)
        assert [hit.message_id for hit in first.found] == every[:7]
        assert first.rest is not None
        for limit in (1, 7, 29, 30, 31):
            assert await ids(index, generation, asked, limit=limit) == every
        older = await index.search(generation, asked, before=Hit(91), limit=2)
        assert [hit.message_id for hit in older.found] == ["m10", "m11"]

    async def test_messages_of_equal_order_are_each_found_once(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, *(entry(f"m{n:02}", "hello", order=5) for n in range(9)))
        await self.put(index, generation, *(entry(f"m{n:02}", "hello", order=5 + n % 3) for n in range(9, 20)))
        for limit in (1, 4, 20):
            found = await ids(index, generation, query("hello"), limit=limit)
            assert sorted(found) == [f"m{n:02}" for n in range(20)]

    async def test_next_page_continues_despite_new_messages(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, *(entry(f"m{n}", "hello", order=n) for n in range(6)))
        first = await index.search(generation, query("hello"), limit=3)
        await self.put(index, generation, entry("new", "hello", order=9), entry("m2", None, 2), entry("m5", "bye", 2))
        rest = await index.search(generation, query("hello"), before=first.rest, limit=3)
        assert [hit.message_id for hit in rest.found] == ["m1", "m0"]
        assert rest.rest is None

    # versions

    async def test_newer_version_replaces_an_older(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "draft", 1))
        await self.put(index, generation, entry("a", "final", 2))
        assert await self.found(index, generation, "draft") == []
        assert await self.found(index, generation, "final") == ["a"]

    async def test_older_version_never_replaces_a_newer(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "final", 2))
        await self.put(index, generation, entry("a", "draft", 1))
        assert await self.found(index, generation, "draft") == []
        assert await self.found(index, generation, "final") == ["a"]

    async def test_same_version_again_changes_nothing(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello", 3))
        await self.put(index, generation, entry("a", "hello", 3), entry("b", "hello too"))
        assert sorted(await self.found(index, generation, "hello")) == ["a", "b"]

    async def test_versions_are_64_bit_integers(self, index: SearchIndex, generation: int) -> None:
        large = (3 << 60) + 7
        await self.put(index, generation, entry("a", "older", large), entry("a", "newer", large + 1))
        await self.put(index, generation, entry("a", "older", large))
        assert await self.found(index, generation, "newer") == ["a"]

    async def test_newest_of_several_versions_in_one_call_is_kept(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "two", 2), entry("a", "three", 3), entry("a", "one", 1))
        assert await self.found(index, generation, "three") == ["a"]
        assert await self.found(index, generation, "one") == await self.found(index, generation, "two") == []

    async def test_entry_without_text_removes_the_message_permanently(
        self, index: SearchIndex, generation: int
    ) -> None:
        await self.put(index, generation, entry("a", "hello", 1), entry("b", "hello", 1))
        await self.put(index, generation, entry("a", None, 2))
        assert await self.found(index, generation, "hello") == ["b"]
        await self.put(index, generation, entry("a", "hello", 1))
        assert await self.found(index, generation, "hello") == ["b"]

    async def test_message_removed_before_its_entry_is_not_found(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", None, 2))
        await self.put(index, generation, entry("a", "hello", 1))
        assert await self.found(index, generation, "hello") == []

    async def test_indexing_nothing_is_harmless(self, index: SearchIndex, generation: int) -> None:
        await index.put(generation, [])
        await index.index(generation, [], {}, {})
        await index.refresh(generation)

    async def test_many_entries_are_indexed_at_once(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, *(entry(f"m{n}", f"hello number{n}") for n in range(2000)))
        assert await self.found(index, generation, "number1999") == ["m1999"]
        assert len(await ids(index, generation, query("hello"), limit=300)) == 2000

    # generations

    async def test_generations_are_apart(self, index: SearchIndex, generation: int) -> None:
        other = generation + 1_000_000
        await made(index, other)
        await self.put(index, generation, entry("a", "hello"))
        await self.put(index, other, entry("b", "hello"))
        assert await self.found(index, generation, "hello") == ["a"]
        assert await self.found(index, other, "hello") == ["b"]
        await index.drop(other)
        assert await self.found(index, generation, "hello") == ["a"]

    async def test_dropped_index_can_be_created_again_and_is_empty(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello", 9))
        await index.drop(generation)
        await index.drop(generation)
        await made(index, generation)
        await self.put(index, generation, entry("b", "hello"))
        assert await self.found(index, generation, "hello") == ["b"]
        await self.put(index, generation, entry("a", "hello", 1))
        assert sorted(await self.found(index, generation, "hello")) == ["a", "b"]

    # missing indexes

    async def test_calls_without_an_index_raise(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello"))
        await index.drop(generation)
        await self.answers_nothing(index, generation)
        with pytest.raises(IndexBehind):
            await index.put(generation, [entry("a", "hello")])
        with pytest.raises(IndexBehind):
            await index.index(generation, [entry("a", "hello")], {}, {SENT: 1})
        with pytest.raises(IndexBehind):
            await index.complete(generation, "token", {})
        await self.answers_nothing(index, generation)

    async def answers_nothing(self, index: SearchIndex, generation: int) -> None:
        for call in (
            self.found(index, generation, "hello"),
            self.found(index, generation, "?"),
            index.entries(generation, ["a"]),
            index.scan(generation),
        ):
            with pytest.raises(Unavailable):
                await call
        assert await index.checkpoint(generation, ALL) is None

    async def test_index_answers_after_its_fill_is_complete(self, index: SearchIndex, generation: int) -> None:
        await index.drop(generation)
        token = await index.begin(generation)
        await self.put(index, generation, entry("a", "hello"))
        await self.answers_nothing(index, generation)
        with pytest.raises(IndexBehind):
            await index.index(generation, [entry("b", "hello")], {}, {SENT: 1})
        await index.complete(generation, token, {SENT: FAR})
        assert await self.found(index, generation, "hello") == ["a"]
        assert await index.checkpoint(generation, ALL) == {SENT: FAR}

    async def test_new_fill_empties_the_index(self, index: SearchIndex, generation: int) -> None:
        await index.index(generation, [entry("a", "hello", 9)], {}, {SENT: FAR})
        token = await index.begin(generation)
        await self.answers_nothing(index, generation)
        await index.put(generation, [entry("a", "bye", 1)])
        await index.complete(generation, token, {})
        assert await self.found(index, generation, "bye") == ["a"]
        assert await index.checkpoint(generation, ALL) == {}

    async def test_running_fill_is_joined(self, index: SearchIndex, generation: int) -> None:
        await index.drop(generation)
        token = await index.begin(generation)
        await index.put(generation, [entry("a", "hello")])
        assert await index.begin(generation) == token
        await index.complete(generation, token, {})
        assert await self.found(index, generation, "hello") == ["a"]
        with pytest.raises(IndexBehind):
            await index.complete(generation, token, {})

    async def test_fill_of_a_lost_index_cannot_complete(self, index: SearchIndex, generation: int) -> None:
        token = await index.begin(generation)
        await index.drop(generation)
        later = await index.begin(generation)
        with pytest.raises(IndexBehind):
            await index.complete(generation, token, {SENT: FAR})
        await self.answers_nothing(index, generation)
        await index.complete(generation, later, {})
        assert await index.checkpoint(generation, ALL) == {}

    # the checkpoint

    async def test_the_checkpoint_moves_with_the_entries(self, index: SearchIndex, generation: int) -> None:
        assert await index.checkpoint(generation, ALL) == {}
        await index.index(generation, [entry("a", "hello")], {}, {SENT: FAR, OTHERS: 4})
        assert await index.checkpoint(generation, ALL) == {SENT: FAR, OTHERS: 4}
        assert await index.checkpoint(generation, [OTHERS]) == {OTHERS: 4}
        assert await index.checkpoint(generation, []) == {}
        await index.index(generation, [], {OTHERS: 4}, {OTHERS: 5, EDITED: 1})
        assert await index.checkpoint(generation, ALL) == {SENT: FAR, OTHERS: 5, EDITED: 1}
        await index.refresh(generation)
        assert await self.found(index, generation, "hello") == ["a"]

    async def test_the_checkpoint_never_goes_back(self, index: SearchIndex, generation: int) -> None:
        await index.index(generation, [], {}, {SENT: FAR})
        await index.index(generation, [entry("a", "read again")], {}, {SENT: FAR - 1})
        assert await index.checkpoint(generation, ALL) == {SENT: FAR}
        await index.refresh(generation)
        assert await self.found(index, generation, "again") == ["a"]

    async def test_entries_that_skip_the_checkpoint_are_rejected(self, index: SearchIndex, generation: int) -> None:
        await index.index(generation, [], {}, {SENT: FAR})
        for since in ({SENT: FAR + 1}, {SENT: FAR, OTHERS: 1}):
            with pytest.raises(IndexBehind):
                await index.index(generation, [entry("a", "hello")], since, {SENT: FAR + 9, OTHERS: 9})
        assert await index.checkpoint(generation, ALL) == {SENT: FAR}

    # entries and scans

    async def test_entries_round_trip(self, index: SearchIndex, generation: int) -> None:
        given = [
            entry("a", "hello", FAR),
            entry("b", None, 2),
            entry("c", 'Ünï "quoted" \x00', 3, OTHER, sender="ben", offset=9),
        ]
        await index.index(generation, given, {}, {SENT: 1})
        found = await index.entries(generation, ["a", "b", "c", "no such"])
        assert found == {one.message_id: one for one in given}
        assert await index.entries(generation, []) == {}

    async def test_scan_returns_all_entries_by_id(self, index: SearchIndex, generation: int) -> None:
        every = ["a", "b", "\uff5e", "😀"]
        await index.index(generation, [entry(one, "hello") for one in reversed(every)], {}, dict.fromkeys(ALL, 1))
        await index.refresh(generation)
        assert [one.message_id for one in await index.scan(generation)] == every
        assert [one.message_id for one in await index.scan(generation, limit=2)] == every[:2]
        assert await index.scan(generation, after="b", limit=1) == [entry("\uff5e", "hello")]
        assert await index.scan(generation, after="😀") == []

    async def test_stopping_twice_is_harmless(self, index: SearchIndex) -> None:
        await index.stop()
        await index.stop()
