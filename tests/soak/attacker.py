"""An attacker's process: `python -m tests.soak.attacker`. A line of JSON on stdin says where it stands.

It prepares what it needs, prints `ready`, and attacks from the next line on until stdin ends; then it prints what it
counted, as JSON.
"""

import asyncio
import contextlib
import json
import os
import sys
from functools import partial

from tests.soak import members, strangers
from tests.soak.raw import Front
from tests.soak.strangers import Attack

REST_S = 0.1


def named(attack: Attack) -> str:
    """What the counts call it."""
    whole = attack.func if isinstance(attack, partial) else attack
    return str(whole.__name__)


async def again_and_again(front: Front, attack: Attack) -> None:
    """Begin it anew whenever the node has broken it off."""
    name = named(attack)
    while True:
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            await attack(front)
        front.counted[f"begun {name}"] += 1
        await asyncio.sleep(REST_S)


async def main() -> None:
    """From the first line to the end of stdin."""
    os.nice(19)  # a real one has a machine of its own
    front = Front(**json.loads(await asyncio.to_thread(sys.stdin.readline)))
    await members.prepare(front)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    attacks = (*strangers.ATTACKS, *members.ATTACKS)
    running = [asyncio.create_task(again_and_again(front, attack), name=named(attack)) for attack in attacks]
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.read), name="ends")
    await asyncio.wait([ending, *running], return_when=asyncio.FIRST_COMPLETED)
    faults = [f"{task.get_name()}: {task.exception()!r}" for task in running if task.done()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    print(json.dumps({"faults": faults, **dict(sorted(front.counted.items()))}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
