"""Describes the log as an AsyncAPI document: topics with keys, partitions and retention, records with headers."""

from typing import Any, Final

from schemas import events, topics
from schemas.events import Event
from schemas.export import json_schema
from schemas.export.json_schema import Schema

ASYNCAPI: Final = "3.0.0"
VERSION: Final = "1.0.0"
_SCHEMAS: Final = "#/components/schemas/"
_KEY_DESCRIPTIONS: Final = {
    "conversation_id": "The conversation's id.",
    "user_id": "The user's id.",
    "per event": "The user's id.",
    "tenant": "The tenant's id.",
}


def document() -> dict[str, Any]:
    """Return the whole document."""
    channels = {name: _channel(topic) for name, topic in topics.TOPICS.items()}
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "CAAS log",
            "version": VERSION,
            "description": "The event log, which is the source of truth: topics of fixed partitions, JSON values, "
            "CloudEvents 1.0 in the headers (Kafka binding, binary mode).",
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": "127.0.0.1:9092", "protocol": "kafka"}},
        "channels": channels,
        "operations": {
            f"{action}-{name}": _operation(action, name)
            for name, channel in channels.items()
            for action in ("send", "receive")
            if channel["messages"]
        },
        "components": {
            "messages": {_name(event): _message(event) for event in events.TOPIC_OF},
            "messageTraits": {"cloudevent": {"headers": headers()}},
            "schemas": json_schema.components(events.TOPIC_OF, _SCHEMAS),
        },
    }


def _name(event: type[Event]) -> str:
    return events.TYPE_OF[event]


def _channel(topic: topics.Topic) -> dict[str, Any]:
    names = [_name(event) for event, where in events.TOPIC_OF.items() if where == topic.name]
    return {
        "address": topic.name,
        "description": f"Keyed by {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operation(action: str, name: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{name}"}}


def _message(event: type[Event]) -> dict[str, Any]:
    topic = topics.TOPICS[events.TOPIC_OF[event]]
    return {
        "name": _name(event),
        "title": event.__name__,
        "summary": (event.__doc__ or "").partition("\n")[0],
        "contentType": "application/json",
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
        "bindings": {
            "kafka": {"key": {"type": "string", "description": _KEY_DESCRIPTIONS[topic.key]}, "bindingVersion": "0.5.0"}
        },
        "payload": {"$ref": f"{_SCHEMAS}{event.__name__}"},
    }


def headers() -> Schema:
    """Return the schema of every record's headers; a test compares `envelope.headers_of` with it."""
    text = {"type": "string"}
    uuid = {"type": "string", "format": "uuid"}
    return json_schema.record(
        [*_REQUIRED, "content-type"],
        **{
            "ce_specversion": {"const": "1.0"},
            "ce_id": {**uuid, "description": "Derived from actor, command and client key: a repeat has the same."},
            "ce_source": {**text, "description": "The node or processor that made the record."},
            "ce_type": {**text, "description": "The event's type and version."},
            "ce_time": {"type": "string", "format": "date-time"},
            "ce_subject": {**text, "description": "The record's key."},
            "ce_partitionkey": {**text, "description": "The record's key."},
            "ce_tenantid": text,
            "ce_authid": {**text, "description": "The user who did it."},
            "ce_correlationid": uuid,
            "ce_causationid": {**uuid, "description": "The event that this one was derived from, if any."},
            "correlation_id": {**uuid, "description": "The same as ce_correlationid."},
            "traceparent": {
                **text,
                "description": "W3C trace context: the cause's trace, the event id as span.",
            },
            "content-type": {"const": "application/json"},
        },
    )


_REQUIRED: Final = (
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_subject",
    "ce_partitionkey",
    "ce_tenantid",
    "ce_authid",
    "ce_correlationid",
    "correlation_id",
    "traceparent",
)
