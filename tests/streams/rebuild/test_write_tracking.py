"""Documents that note what was written through them."""

from core.ports.documents import Changes, Table, TableGeneration, Write
from streams.rebuild.write_tracking import TrackedDocuments
from tests.streams.world import FrailDocuments

ROWS, HEADS = Table("m", "rows"), Table("m", "heads")


async def test_rows_and_heads_are_saved_and_noted_once_taken_forgotten() -> None:
    documents = FrailDocuments()
    noted = TrackedDocuments(documents)
    rows = [Write("a", {}, {"sent": {"pos": 1}}), Write("b", {}, {"sent": {"pos": 2}})]
    made = await noted.save(
        Changes([(TableGeneration(ROWS, 2), rows)], [(TableGeneration(HEADS, 2), [Write("c", {}, {"x": {"pos": 1}})])])
    )
    assert made == {"a", "b"}
    assert noted.take() == {("rows", "a"), ("rows", "b"), ("heads", "c")}
    assert noted.take() == set()
    assert set(await documents.get(TableGeneration(ROWS, 2), ["a", "b"])) == {"a", "b"}
