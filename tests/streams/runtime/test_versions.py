"""Read models of another version of their processor are reported at the start, in one line each, and no others."""

import msgspec
import pytest

from core.health import Health
from projections.generations import Pointer, read_pointer, replace_pointer
from projections.stores.memory import MemoryDocuments
from streams.processors.conversations import Conversations
from streams.processors.inbox import Inbox
from streams.processors.messages import Messages
from streams.runtime.processor import Processor
from streams.runtime.versions import report_versions


async def made_by(documents: MemoryDocuments, name: str, version: int) -> None:
    known = await read_pointer(documents, name)
    made = msgspec.structs.replace(known, version=version)
    assert await replace_pointer(documents, name, made, known)


async def test_read_model_of_another_version_is_reported_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    documents = MemoryDocuments()
    await documents.start([])
    processors: list[Processor] = [Messages(documents), Conversations(documents), Inbox(documents)]
    await made_by(documents, "messages", Messages.version - 1)
    await made_by(documents, "conversations", Conversations.version)
    assert await read_pointer(documents, "inbox") == Pointer()
    assert await report_versions(documents, processors, Health()) == ["messages"]
    (line,) = [record.getMessage() for record in caplog.records if record.name == "caas.versions"]
    made = f"messages: generation 1 was made by version {Messages.version - 1} of the processor"
    assert line == f"{made}, and this is version {Messages.version}: `caas rebuild messages` rebuilds it"


async def test_rows_of_a_newer_version_are_reported() -> None:
    documents = MemoryDocuments()
    await documents.start([])
    await made_by(documents, "messages", Messages.version + 1)
    assert await report_versions(documents, [Messages(documents)], Health()) == ["messages"]
