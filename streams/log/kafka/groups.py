"""Consumer groups start from our checkpoints: a group's own offset may be behind (effects to repeat), never ahead."""

import logging
from collections.abc import Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.topics import Partition

logger: Final = logging.getLogger("caas.groups")


def group_of(processor: str) -> str:
    """Return the consumer group of a processor, which is also its Faust app id."""
    return f"caas-{processor}"


async def rewind_group(bootstrap: str, group: str, checkpoints: Mapping[Partition, int]) -> dict[Partition, int]:
    """Commit the checkpoint where the group's offset is beyond it or missing; call it before the first member starts.

    Returns the offsets it committed. A group that has members rejects the commit: then it has started already.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    places = {TopicPartition(at.topic, at.number): offset for at, offset in checkpoints.items()}
    consumer.assign(list(places))
    await consumer.start()
    try:
        behind = {}
        for at, offset in places.items():
            committed = await consumer.committed(at)
            if committed is None or committed > offset:
                behind[at] = offset
        if behind:
            await consumer.commit(behind)
    except KafkaError as error:
        logger.info("group %s has members, its offsets are not changed: %s", group, type(error).__name__)
        return {}
    finally:
        await consumer.stop()
    return {Partition(at.topic, at.partition): offset for at, offset in behind.items()}
