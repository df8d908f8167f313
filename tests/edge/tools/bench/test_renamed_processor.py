from core.health import Health
from core.ports.effects import Silent
from edge.tools.bench.filled import Filled, fill
from edge.tools.bench.renamed_processor import Under, remove, stand
from edge.tools.bench.world import World
from projections.generations import read_pointer
from projections.stores.memory import MemoryDocuments
from streams.log.memory import MemoryLog
from streams.processors.messages import Messages
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.worker import Worker

RECORDS = 300


async def test_a_processor_under_another_name_works_records_and_leaves_the_live_one_alone() -> None:
    log, documents, health = MemoryLog(), MemoryDocuments(), Health()
    processor = Under(Messages(documents), "messages-bench")
    await log.start()
    await documents.start(processor.tables)
    filled = await fill(log, World(), RECORDS)
    await stand(processor, 7, log, documents, filled.start)
    worker = Worker(processor, documents, Silent(), health)
    await PlainRunner(worker, log, documents, health).replay(7, filled.ends)
    assert sum(worker.next.values()) == filled.total == RECORDS
    assert (await read_pointer(documents, "messages-bench")).live == 7
    assert (await read_pointer(documents, "messages")).live == 1
    assert not await documents.checkpoints("messages", 1)
    await remove(processor, 7, documents)
    assert not await documents.checkpoints("messages-bench", 7)


async def test_where_records_lie_survives_being_told_to_a_process() -> None:
    log = MemoryLog()
    await log.start()
    filled = await fill(log, World(), 10)
    assert Filled.of(filled.records) == filled
