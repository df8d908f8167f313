"""Measures a node: durable sends, deliveries, idle connections, and the path of a message through one process."""

from statistics import median
from typing import Final

from edge.tools.bench.measure import Figure, Pairs
from edge.tools.bench.servers import UNLIMITED, Bench, Server, Spent, bare, held, load, node, run_name, seed, system
from edge.tools.bench.spec import Bare, Load, Room
from edge.tools.bench.world import World
from schemas.wire import frames
from schemas.wire.frames import PUSH_OF_LANE
from schemas.wire.views import MessageView

SENDERS: Final = 8
ROOM: Final = 200
ROOM_WINDOW: Final = 256
PIPELINE_WINDOW: Final = 512
IDLE: Final = 1_000
IDLE_PAIRS: Final = 2
SHARE: Final = 0.8


def _load(server: Server, rooms: list[Room], bench: Bench, **more: object) -> Load:
    values: dict[str, object] = {
        "port": server.port,
        "rooms": rooms,
        "run": run_name(),
        "seconds": bench.seconds,
        **more,
    }
    return Load(**values)  # type: ignore[arg-type]


async def edge_sends(bench: Bench) -> Figure:
    """Measure the rate of sends acknowledged as durable, and the latency of an acknowledgment."""
    world = World()
    made = [world.room(f"sends-{n}", members=2, connected=1) for n in range(SENDERS)]
    rooms, records = [room for room, _ in made], [record for _, record in made]
    ours_at, bare_at = bench.at("sends-ours", world, UNLIMITED), bench.at("sends-bare")
    await seed(ours_at, records)
    size = len(world.message(rooms[0].conversation_id, 0).value or b"")
    async with node(bench, ours_at) as edge, bare(bare_at, Bare("append", value_bytes=size)) as plain:
        spent = {edge: Spent(), plain: Spent()}

        async def per_s(server: Server) -> float:
            with spent[server].by(server):
                seen = await load(ours_at, _load(server, rooms, bench))
            spent[server].units += seen.sent
            return seen.acks_per_s

        pairs = await Pairs().take(bench.pairs, ours=lambda: per_s(edge), bare=lambda: per_s(plain))
        more: dict[str, object] = {"ours_cpu_us": spent[edge].us, "bare_cpu_us": spent[plain].us}
        for name, server, rate in (("ours", edge, median(pairs.ours)), ("bare", plain, median(pairs.bare))):
            rest = await load(ours_at, _load(server, rooms[:1], bench, in_flight=1, seconds=bench.seconds / 2))
            busy = await load(ours_at, _load(server, rooms, bench, pace=rate * SHARE))
            more |= {
                f"{name}_rest_p50_ms": rest.ack_p50_ms,
                f"{name}_rest_p99_ms": rest.ack_p99_ms,
                f"{name}_80_p50_ms": busy.ack_p50_ms,
                f"{name}_80_p99_ms": busy.ack_p99_ms,
                f"{name}_80_per_s": busy.acks_per_s,
            }
    return Figure(name="edge_sends", unit="sends/s", ours=pairs.ours, bare=pairs.bare, goal=0.5, more=more)


async def deliveries(bench: Bench) -> Figure:
    """Measure the rate of deliveries in one room of 200 connections."""
    world = World()
    room, record = world.room("room", members=ROOM, senders=SENDERS)
    ours_at, bare_at = bench.at("deliveries-ours", world), bench.at("deliveries-bare")
    await seed(ours_at, [record])
    size = len(pushed(world, room.conversation_id))
    async with system(bench, ours_at) as edge, bare(bare_at, Bare("broadcast", push_bytes=size)) as plain:
        spent = {edge: Spent(), plain: Spent()}

        async def per_s(server: Server) -> float:
            with spent[server].by(server):
                seen = await load(ours_at, _load(server, [room], bench, window=ROOM_WINDOW))
            spent[server].units += seen.sent * ROOM
            return seen.pushes_per_s

        pairs = await Pairs().take(bench.pairs, ours=lambda: per_s(edge), bare=lambda: per_s(plain))
        more = {"ours_cpu_us": spent[edge].us, "bare_cpu_us": spent[plain].us}
    return Figure(name="deliveries", unit="deliveries/s", ours=pairs.ours, bare=pairs.bare, goal=0.37, more=more)


def pushed(world: World, conversation_id: str) -> bytes:
    """Return the push of a message of the load."""
    record = world.message(conversation_id, 0)
    view = MessageView(
        conversation_id=conversation_id,
        message_id=conversation_id,
        seq=10_000,
        sender="room-0",
        text="x" * 200,
        at=world.now,
        client_msg_id=f"{run_name()}-0-10000000",
        reply_to=None,
        edited=False,
        deleted=False,
        unreadable=False,
    )
    correlation = dict(record.headers)["correlation_id"].decode()
    return frames.push(PUSH_OF_LANE["sent"], view, "sent", 10_000, correlation)


async def idle_memory(bench: Bench) -> Figure:
    """Measure memory per idle connection, in new processes each time, since a process does not return used memory."""
    world = World()
    made = [world.room(f"idle-{n}", members=2) for n in range(IDLE // 2)]
    tokens = [token for room, _ in made for token in room.tokens]
    ours_at, bare_at = bench.at("idle-ours", world), bench.at("idle-bare")
    await seed(ours_at, [record for _, record in made])

    async def ours() -> float:
        async with node(bench, ours_at) as server:
            return await held(ours_at, server, tokens)

    async def plain() -> float:
        async with bare(bare_at, Bare("broadcast", push_bytes=100)) as server:
            return await held(bare_at, server, tokens)

    pairs = await Pairs().take(min(bench.pairs, IDLE_PAIRS), ours=ours, bare=plain)
    return Figure(name="idle_memory", unit="KiB/connection", ours=pairs.ours, bare=pairs.bare, goal=2.0, better="lower")


async def embedded_pipeline(bench: Bench) -> Figure:
    """Measure the rate of messages accepted, persisted and received, end to end through one process."""
    world = World()
    made = [world.room(f"pipeline-{n}", members=2) for n in range(SENDERS)]
    rooms, records = [room for room, _ in made], [record for _, record in made]
    at = bench.at("pipeline", world)
    await seed(at, records)
    async with system(bench, at) as server:
        spent, ours = Spent(), []
        for _ in range(bench.pairs):
            with spent.by(server):
                seen = await load(at, _load(server, rooms, bench, window=PIPELINE_WINDOW))
            spent.units += seen.sent
            ours.append(seen.pushes_per_s / 2)
        pace = median(ours) * SHARE
        busy = await load(at, _load(server, rooms, bench, window=PIPELINE_WINDOW, pace=pace))
    more = {"ours_cpu_us": spent.us, "80_ack_p50_ms": busy.ack_p50_ms, "80_ack_p99_ms": busy.ack_p99_ms}
    return Figure(name="embedded_pipeline", unit="messages/s", ours=ours, bare=[], goal=10_000, more=more)
