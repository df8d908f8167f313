from core.health import Health
from core.ports.effects import Silent
from edge.tools.bench.filled import Filled, fill
from edge.tools.bench.renamed_processor import RenamedProcessor, make_live, remove
from edge.tools.bench.world import World
from projections.generations import read_pointer
from projections.stores.memory import MemoryDocuments
from streams.log.memory import MemoryLog
from streams.processors.messages import Messages
from streams.runtime.plain_runner import PlainRunner
from streams.runtime.worker import Worker

RECORDS = 300


async def test_renamed_processor_folds_records_and_leaves_the_live_one_unchanged() -> None:
    log, documents, health = MemoryLog(), MemoryDocuments(), Health()
    processor = RenamedProcessor(Messages(documents), "messages-bench")
    await log.start()
    await documents.start(processor.tables)
    filled = await fill(log, World(), RECORDS)
    await make_live(processor, 7, log, documents, filled.start)
    worker = Worker(processor, documents, Silent(), health)
    await PlainRunner(worker, log, documents, health).replay(7, filled.ends)
    assert sum(worker.next.values()) == filled.total == RECORDS
    assert (await read_pointer(documents, "messages-bench")).live == 7
    assert (await read_pointer(documents, "messages")).live == 1
    assert not await documents.checkpoints("messages", 1)
    await remove(processor, 7, documents)
    assert not await documents.checkpoints("messages-bench", 7)


async def test_offsets_of_records_survive_encoding() -> None:
    log = MemoryLog()
    await log.start()
    filled = await fill(log, World(), 10)
    assert Filled.of(filled.records) == filled
