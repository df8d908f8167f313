"""The generated files match the code and are complete."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import events, topics
from schemas.commands import COMMANDS
from schemas.envelope import encode
from schemas.export import asyncapi_log, asyncapi_socket, files, openapi
from schemas.export.__main__ import main
from schemas.wire.errors import CLOSES, ERRORS
from schemas.wire.frames import PUSH_OF_LANE
from schemas.wire.request import Frame
from tests.given import CORRELATION
from tests.schemas.samples import MESSAGE, SAMPLES

DOCUMENTS = files.documents()


def references(value: Any) -> Iterator[str]:
    """Yield every `$ref` in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def found(document: Any, reference: str) -> Any:
    """Return the part that a reference points to."""
    for step in reference.removeprefix("#/").split("/"):
        document = document[step]
    return document


def test_the_files_match_the_code() -> None:
    assert files.drift() == [], "run: python -m schemas.export"


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_reference_has_a_target(path: str) -> None:
    for reference in references(DOCUMENTS[path]):
        assert found(DOCUMENTS[path], reference) is not None


@pytest.mark.parametrize("path", DOCUMENTS)
def test_patterns_are_portable(path: str) -> None:
    assert "\\\\Z" not in json.dumps(DOCUMENTS[path])


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    assert set(files.write(tmp_path)) == DOCUMENTS.keys()
    assert files.write(tmp_path) == []


def test_drift_finds_files_that_differ_are_left_over_or_missing(tmp_path: Path) -> None:
    files.write(tmp_path)
    (tmp_path / "openapi.json").write_text("{}")
    (tmp_path / "asyncapi-log.json").unlink()
    (tmp_path / "events" / "caas.message.forgotten.v1.json").write_text("{}")
    assert files.drift(tmp_path) == ["asyncapi-log.json", "events/caas.message.forgotten.v1.json", "openapi.json"]
    files.write(tmp_path)
    assert files.drift(tmp_path) == []


def test_a_release_that_breaks_readers_of_the_previous_one_is_rejected(tmp_path: Path) -> None:
    released = tmp_path / "events.json"
    assert list(files.release(released)) == []
    saved = json.loads(released.read_text())
    assert saved == event_schemas_of(released)
    saved["caas.message.old.v1"] = {"type": "object"}
    released.write_text(json.dumps(saved))
    assert list(files.release(released)) == ["caas.message.old.v1: removed"]
    assert "caas.message.old.v1" in json.loads(released.read_text())


def event_schemas_of(path: Path) -> Any:
    return json.loads(files.text_of(files.event_schemas())) if path.exists() else None


def test_every_event_and_command_has_a_file() -> None:
    assert {f"events/{name}.json" for name in events.EVENT_OF} <= DOCUMENTS.keys()
    assert {f"commands/{name.replace(':', '.')}.json" for name in COMMANDS} <= DOCUMENTS.keys()


def test_a_commands_schema_has_no_type() -> None:
    assert "type" not in DOCUMENTS["commands/message.send.json"]["properties"]
    assert DOCUMENTS["events/caas.message.sent.v1.json"]["properties"]["type"] == {"enum": ["caas.message.sent.v1"]}


def test_the_socket_document_has_every_command_with_its_reply_and_every_push_code_and_close() -> None:
    document = asyncapi_socket.document()
    receives = {key for key, operation in document["operations"].items() if operation["action"] == "receive"}
    assert receives == {name.replace(":", "-") for name in COMMANDS} | {"auth"}
    assert all(document["operations"][key]["reply"]["messages"] for key in receives)
    sends = {key for key, operation in document["operations"].items() if operation["action"] == "send"}
    assert sends >= {kind.replace(":", "-") for kind in PUSH_OF_LANE.values()} | {"hello", "receipt", "going-away"}
    assert {code["code"] for code in document["x-error-codes"]} == ERRORS.keys()
    assert {close["name"] for close in document["x-close-codes"]} == CLOSES.keys()


def test_the_socket_document_has_the_fields_of_the_frame() -> None:
    payload = asyncapi_socket.document()["components"]["messages"]["message-send"]["payload"]
    assert payload["properties"].keys() == set(Frame.__struct_fields__)


def test_the_log_document_has_every_topic_with_its_partitions_and_retention() -> None:
    channels = asyncapi_log.document()["channels"]
    for name, topic in topics.TOPICS.items():
        kafka = channels[name]["bindings"]["kafka"]
        assert (kafka["partitions"], kafka["topicConfiguration"]["retention.ms"]) == (
            topic.partitions,
            topic.retention_ms,
        )


def test_the_log_document_has_the_headers_of_records() -> None:
    record = encode(
        SAMPLES[0], event_id=MESSAGE, source="s", correlation_id=CORRELATION, actor="bob", causation_id=MESSAGE
    )
    documented = asyncapi_log.headers()
    assert documented["properties"].keys() == dict(record.headers).keys()
    assert set(documented["required"]) == dict(record.headers).keys() - {"ce_causationid"}


def test_the_gateways_document_has_the_token_route() -> None:
    post = openapi.document()["paths"]["/api/v1/auth/sdk/token"]["post"]
    assert post["responses"].keys() >= {"200", "401", "422"}


@pytest.mark.parametrize(("arguments", "status"), [(["--check"], 0), (["--what"], 1)])
def test_the_command_returns_its_status(arguments: list[str], status: int) -> None:
    assert main(arguments) == status
