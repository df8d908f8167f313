"""What every search index does, in an index that other tests have written to before."""

import random
from collections.abc import AsyncIterator

import pytest

from core.ports.event_log import Unavailable
from core.ports.search_index import Entry, IndexBehind, SearchIndex
from schemas.topics import MESSAGE_EDITED, MESSAGE_SENT, Partition

SENT, OTHERS, EDITED = Partition(MESSAGE_SENT, 0), Partition(MESSAGE_SENT, 5), Partition(MESSAGE_EDITED, 0)
ALL = (SENT, OTHERS, EDITED)
FAR = (3 << 48) + 7
CONVERSATION = "c0000000-0000-5000-8000-000000000001"
OTHER = "c0000000-0000-5000-8000-000000000002"


def entry(message: str, text: str | None, version: int = 1, conversation: str = CONVERSATION) -> Entry:
    return Entry(message, version, "acme", conversation, text)


async def made(index: SearchIndex, generation: int) -> None:
    """A complete index of this generation, which has nothing."""
    await index.complete(generation, await index.begin(generation), {})


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

    async def found(self, index: SearchIndex, generation: int, text: str, limit: int = 100) -> list[str]:
        return await index.search(generation, "acme", text, [CONVERSATION], limit)

    # words

    async def test_a_message_is_found_by_each_of_its_words(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "The budget, for 2027: approved!"), entry("b", "lunch?"))
        for text in ("budget", "2027", "approved", "the budget", "APPROVED Budget", "budget!", "(2027)"):
            assert await self.found(index, generation, text) == ["a"], text

    async def test_every_word_must_be_there(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "red apples"), entry("b", "green apples"), entry("c", "red pears"))
        assert sorted(await self.found(index, generation, "apples")) == ["a", "b"]
        assert await self.found(index, generation, "red apples") == ["a"]
        assert await self.found(index, generation, "apples red") == ["a"]
        assert await self.found(index, generation, "red bananas") == []

    async def test_words_of_other_scripts_are_words(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "Привет, как дела"), entry("b", "Grüße aus Köln"))
        assert await self.found(index, generation, "привет") == ["a"]
        assert await self.found(index, generation, "grüße KÖLN") == ["b"]

    async def test_an_apostrophe_in_a_word_is_found_as_it_was_written(
        self, index: SearchIndex, generation: int
    ) -> None:
        await self.put(index, generation, entry("a", "I don't know"), entry("b", "i know"))
        assert await self.found(index, generation, "don't know") == ["a"]

    @pytest.mark.parametrize("text", ["", " ", "\n\t", '"', "***", "!?", "()", "- -", "'", "\\", "\x00"])
    async def test_a_text_without_a_word_finds_nothing(self, index: SearchIndex, generation: int, text: str) -> None:
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
    async def test_signs_of_query_languages_are_no_words(self, index: SearchIndex, generation: int, text: str) -> None:
        await self.put(index, generation, entry("a", "the budget"), entry("b", "lunch"))
        assert await self.found(index, generation, text) == ["a"]

    @pytest.mark.parametrize("operator", ["AND", "OR", "NOT", "NEAR", "TO", "text:", "tenant:"])
    async def test_operators_of_query_languages_are_words(
        self, index: SearchIndex, generation: int, operator: str
    ) -> None:
        word = operator.strip(":").lower()
        await self.put(index, generation, entry("a", f"apples {word} pears"), entry("b", "apples pears"))
        assert await self.found(index, generation, f"apples {operator} pears") == ["a"]

    async def test_a_long_question_is_answered(self, index: SearchIndex, generation: int) -> None:
        words = " ".join(f"word{n}" for n in range(60))
        await self.put(index, generation, entry("a", words), entry("b", words[:-3]))
        assert await self.found(index, generation, words) == ["a"]

    # where

    async def test_only_the_given_conversations_are_searched(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello"), entry("b", "hello", conversation=OTHER))
        assert await index.search(generation, "acme", "hello", [CONVERSATION], 10) == ["a"]
        assert await index.search(generation, "acme", "hello", iter([OTHER]), 10) == ["b"]
        assert sorted(await index.search(generation, "acme", "hello", [OTHER, CONVERSATION], 10)) == ["a", "b"]
        assert await index.search(generation, "acme", "hello", [], 10) == []

    async def test_another_tenant_finds_nothing(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello"))
        assert await index.search(generation, "other", "hello", [CONVERSATION], 10) == []

    async def test_thousands_of_conversations_can_be_searched(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello"), entry("b", "hello", conversation=OTHER))
        many = [f"c0000000-0000-5000-8000-{n:012}" for n in range(10, 5010)]
        assert await index.search(generation, "acme", "hello", [*many, CONVERSATION], 10) == ["a"]

    # what comes first, and how many

    async def test_at_most_the_limit_is_answered(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, *(entry(f"m{n}", "hello") for n in range(30)))
        found = await self.found(index, generation, "hello", limit=7)
        assert len(found) == len(set(found)) == 7

    async def test_what_is_all_about_the_words_comes_first(self, index: SearchIndex, generation: int) -> None:
        passing = "the budget was one of a great many other things that we happened to talk about yesterday evening"
        await self.put(index, generation, entry("passing", passing), entry("about", "budget budget budget"))
        assert await self.found(index, generation, "budget") == ["about", "passing"]

    # versions

    async def test_a_newer_version_replaces_an_older(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "draft", 1))
        await self.put(index, generation, entry("a", "final", 2))
        assert await self.found(index, generation, "draft") == []
        assert await self.found(index, generation, "final") == ["a"]

    async def test_an_older_version_never_replaces_a_newer(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "final", 2))
        await self.put(index, generation, entry("a", "draft", 1))
        assert await self.found(index, generation, "draft") == []
        assert await self.found(index, generation, "final") == ["a"]

    async def test_the_same_version_again_changes_nothing(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello", 3))
        await self.put(index, generation, entry("a", "hello", 3), entry("b", "hello too"))
        assert sorted(await self.found(index, generation, "hello")) == ["a", "b"]

    async def test_versions_are_whole_numbers_of_64_bits(self, index: SearchIndex, generation: int) -> None:
        large = (3 << 60) + 7
        await self.put(index, generation, entry("a", "older", large), entry("a", "newer", large + 1))
        await self.put(index, generation, entry("a", "older", large))
        assert await self.found(index, generation, "newer") == ["a"]

    async def test_of_several_versions_in_one_call_the_newest_stands(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "two", 2), entry("a", "three", 3), entry("a", "one", 1))
        assert await self.found(index, generation, "three") == ["a"]
        assert await self.found(index, generation, "one") == await self.found(index, generation, "two") == []

    async def test_no_text_takes_a_message_out_for_good(self, index: SearchIndex, generation: int) -> None:
        await self.put(index, generation, entry("a", "hello", 1), entry("b", "hello", 1))
        await self.put(index, generation, entry("a", None, 2))
        assert await self.found(index, generation, "hello") == ["b"]
        await self.put(index, generation, entry("a", "hello", 1))
        assert await self.found(index, generation, "hello") == ["b"]

    async def test_a_message_taken_out_before_it_came_does_not_come(self, index: SearchIndex, generation: int) -> None:
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
        assert len(await self.found(index, generation, "hello", limit=50)) == 50

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

    async def test_a_dropped_generation_can_be_made_anew_and_is_empty(
        self, index: SearchIndex, generation: int
    ) -> None:
        await self.put(index, generation, entry("a", "hello", 9))
        await index.drop(generation)
        await index.drop(generation)
        await made(index, generation)
        await self.put(index, generation, entry("b", "hello"))
        assert await self.found(index, generation, "hello") == ["b"]
        await self.put(index, generation, entry("a", "hello", 1))
        assert sorted(await self.found(index, generation, "hello")) == ["a", "b"]

    # what is missing

    async def test_without_an_index_nothing_is_answered_and_nothing_written(
        self, index: SearchIndex, generation: int
    ) -> None:
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

    async def test_an_index_answers_once_its_fill_is_complete(self, index: SearchIndex, generation: int) -> None:
        await index.drop(generation)
        token = await index.begin(generation)
        await self.put(index, generation, entry("a", "hello"))
        await self.answers_nothing(index, generation)
        with pytest.raises(IndexBehind):
            await index.index(generation, [entry("b", "hello")], {}, {SENT: 1})
        await index.complete(generation, token, {SENT: FAR})
        assert await self.found(index, generation, "hello") == ["a"]
        assert await index.checkpoint(generation, ALL) == {SENT: FAR}

    async def test_beginning_a_fill_empties_the_index(self, index: SearchIndex, generation: int) -> None:
        await index.index(generation, [entry("a", "hello", 9)], {}, {SENT: FAR})
        token = await index.begin(generation)
        await self.answers_nothing(index, generation)
        await index.put(generation, [entry("a", "bye", 1)])
        await index.complete(generation, token, {})
        assert await self.found(index, generation, "bye") == ["a"]
        assert await index.checkpoint(generation, ALL) == {}

    async def test_a_fill_that_has_begun_is_joined(self, index: SearchIndex, generation: int) -> None:
        await index.drop(generation)
        token = await index.begin(generation)
        await index.put(generation, [entry("a", "hello")])
        assert await index.begin(generation) == token
        await index.complete(generation, token, {})
        assert await self.found(index, generation, "hello") == ["a"]
        with pytest.raises(IndexBehind):
            await index.complete(generation, token, {})

    async def test_a_fill_of_an_index_that_was_lost_meanwhile_is_not_complete(
        self, index: SearchIndex, generation: int
    ) -> None:
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

    async def test_what_does_not_follow_the_checkpoint_is_refused(self, index: SearchIndex, generation: int) -> None:
        await index.index(generation, [], {}, {SENT: FAR})
        for since in ({SENT: FAR + 1}, {SENT: FAR, OTHERS: 1}):
            with pytest.raises(IndexBehind):
                await index.index(generation, [entry("a", "hello")], since, {SENT: FAR + 9, OTHERS: 9})
        assert await index.checkpoint(generation, ALL) == {SENT: FAR}

    # reading it whole

    async def test_entries_are_read_back_as_they_were_indexed(self, index: SearchIndex, generation: int) -> None:
        given = [entry("a", "hello", FAR), entry("b", None, 2), entry("c", 'Ünï "quoted"', 3, OTHER)]
        await index.index(generation, given, {}, {SENT: 1})
        found = await index.entries(generation, ["a", "b", "c", "no such"])
        assert found == {one.message_id: one for one in given}
        assert await index.entries(generation, []) == {}

    async def test_a_scan_goes_through_all_entries_by_id(self, index: SearchIndex, generation: int) -> None:
        ids = ["a", "b", "\uff5e", "😀"]
        await index.index(generation, [entry(one, "hello") for one in reversed(ids)], {}, dict.fromkeys(ALL, 1))
        await index.refresh(generation)
        assert [one.message_id for one in await index.scan(generation)] == ids
        assert [one.message_id for one in await index.scan(generation, limit=2)] == ids[:2]
        assert await index.scan(generation, after="b", limit=1) == [entry("\uff5e", "hello")]
        assert await index.scan(generation, after="😀") == []

    async def test_stopping_twice_is_harmless(self, index: SearchIndex) -> None:
        await index.stop()
        await index.stop()
