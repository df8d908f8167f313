"""Export what commands need of Kafka besides the log: its topics, and the consumer groups of the workers."""

from streams.log.kafka.groups import group_of, rewind_group
from streams.log.kafka.static_members import free_slot, leave_group
from streams.log.kafka.topics import TopicsRefused, create_topics

__all__ = ["TopicsRefused", "create_topics", "free_slot", "group_of", "leave_group", "rewind_group"]
