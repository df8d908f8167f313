"""Documents that record what was written through them."""

from core.ports.documents import Changes, Table, TableGeneration, Write
from streams.rebuild.write_tracking import TrackedDocuments
from tests.streams.world import FrailDocuments

ROWS, HEADS = Table("m", "rows"), Table("m", "heads")


async def test_saved_rows_and_heads_are_tracked_until_they_are_taken() -> None:
    documents = FrailDocuments()
    tracked = TrackedDocuments(documents)
    rows = [Write("a", {}, {"sent": {"pos": 1}}), Write("b", {}, {"sent": {"pos": 2}})]
    made = await tracked.save(
        Changes([(TableGeneration(ROWS, 2), rows)], [(TableGeneration(HEADS, 2), [Write("c", {}, {"x": {"pos": 1}})])])
    )
    assert made == {"a", "b"}
    assert tracked.take() == {("rows", "a"), ("rows", "b"), ("heads", "c")}
    assert tracked.take() == set()
    assert set(await documents.get(TableGeneration(ROWS, 2), ["a", "b"])) == {"a", "b"}
