"""Runs an attacker's process: `python -m tests.soak.attacker`. The first line of stdin has its parameters as JSON.

It prepares its conversations, prints `ready`, and attacks from the next line on until stdin ends; then it prints its
counters as JSON.
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
    """Return the attack's name in the counters."""
    whole = attack.func if isinstance(attack, partial) else attack
    return str(whole.__name__)


async def repeat(front: Front, attack: Attack) -> None:
    """Run an attack without end; start it again whenever the node has broken it off."""
    name = named(attack)
    while True:
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            await attack(front)
        front.counted[f"begun {name}"] += 1
        await asyncio.sleep(REST_S)


async def main() -> None:
    """Prepare after the first line of stdin, attack until its end."""
    os.nice(19)  # a real attacker has a separate machine
    front = Front(**json.loads(await asyncio.to_thread(sys.stdin.readline)))
    await members.prepare(front)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    attacks = (*strangers.ATTACKS, *members.ATTACKS)
    running = [asyncio.create_task(repeat(front, attack), name=named(attack)) for attack in attacks]
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.read), name="ends")
    await asyncio.wait([ending, *running], return_when=asyncio.FIRST_COMPLETED)
    faults = [f"{task.get_name()}: {task.exception()!r}" for task in running if task.done()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    print(json.dumps({"faults": faults, **dict(sorted(front.counted.items()))}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
