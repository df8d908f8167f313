"""Executes a plan over live sockets: each step starts as soon as the steps it waits for have reached their levels."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from itertools import islice
from typing import Any, Final

import aiohttp
import msgspec

from edge.process.first_error import leaf_of
from edge.sdk.python.caas_client.line import Line
from edge.sdk.python.caas_client.tokens import GatewayTokens
from edge.sdk.python.caas_client.wire import CommandError, Event
from edge.tools.playback.chaos import Chaos, optional_chaos
from edge.tools.playback.crowd import connected_users, open_session
from edge.tools.playback.plan import After, Level, Plan, Step, plan
from edge.tools.playback.recording import PLAY, AnyRow, Edit, Send
from edge.tools.playback.tally import Summary, Tally
from edge.tools.playback.unread import Unread
from edge.tools.playback.views import Views
from schemas import ids

STALL_S: Final = 120.0
LAST_DELIVERIES_S: Final = 30.0
POLL_S: Final = 0.02
MAX_REPORTED: Final = 20
"""Maximum number of differences that are logged."""
COMMANDS: Final = {
    "create": "conversation:create",
    "add": "conversation:add-participants",
    "leave": "conversation:leave",
    "send": "message:send",
    "edit": "message:edit",
    "delete": "message:delete",
}

logger: Final = logging.getLogger("caas.play")

Progress = Callable[[int, int], None]
"""Called with the rows done and the rows in all."""


class Stalled(Exception):
    """No step made progress for two minutes."""


async def play(
    rows: Iterable[AnyRow],
    url: str,
    app_key: str,
    app_secret: str,
    *,
    progress: Progress | None = None,
    socket_urls: Sequence[str] | None = None,
    limit: int | None = None,
    tenant: str = "default",
    chaos: int | None = None,
) -> Summary:
    """Play a recording (its first `limit` rows) against the gateway at `url`; return when every accepted message was
    reported persisted and delivered to its audience, or after 30 s without these deliveries. Raises `Stalled`,
    `Refused`, `TokenRefused`, and `CommandError` where a channel could not be created or a user not added.

    With a seed of `chaos` the users' lines break and pushes are lost, and at the end each user's view is compared.
    """
    planned = plan(islice(rows, limit))
    run = _Run(planned, progress or _silent, tenant, Unread() if chaos is not None else None)
    began = time.monotonic()
    try:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(open_session())
            faults = await stack.enter_async_context(optional_chaos(chaos))

            def sessions(user: str) -> aiohttp.ClientSession:
                return session if faults is None or user == PLAY else faults.session(user)

            tokens = GatewayTokens(session, url, app_key, app_secret)
            users = [PLAY, *planned.users]
            clients = await stack.enter_async_context(connected_users(users, tokens, sessions, run.record, socket_urls))
            return await _played(run, clients, faults, began)
    except BaseExceptionGroup as group:
        raise leaf_of(group) from group


async def _played(run: "_Run", clients: dict[str, Line], chaos: Chaos | None, began: float) -> Summary:
    """Execute the whole plan; return its summary."""
    await run.execute(clients)
    seconds = time.monotonic() - began
    if chaos is not None:
        chaos.end()
    await run.last_deliveries(same=chaos is not None)
    summary = run.tally.summary(
        dropped=sum(client.dropped for user, client in clients.items() if user != PLAY),
        reconnects=sum(client.connections - 1 for client in clients.values()),
        seconds=seconds,
    )
    if chaos is None:
        return summary
    differences = list(run.views.differences())
    for user, why in differences[:MAX_REPORTED]:
        logger.warning("%s: %s", user, why)
    miscounted = await run.miscounted()
    for user, why in miscounted[:MAX_REPORTED]:
        logger.warning("%s: %s", user, why)
    return msgspec.structs.replace(
        summary,
        cuts=chaos.cuts,
        losses=chaos.losses,
        views=len(run.views),
        views_different=len({user for user, _ in differences}),
        unread_different=len({user for user, _ in miscounted}),
    )


def _silent(_done: int, _rows: int) -> None:
    """Report no progress."""


class _Run:
    """The state of a plan during its execution."""

    def __init__(self, planned: Plan, progress: Progress, tenant: str, unread: Unread | None) -> None:
        self._unread = unread
        self.tally = Tally(planned)
        self.views = Views(planned)
        self._plan = planned
        self._progress = progress
        self._tenant = tenant
        self._waits = [len(step.after) for step in planned.steps]
        self._followers: dict[After, list[Step]] = {}
        for step in planned.steps:
            for after in step.after:
                self._followers.setdefault(after, []).append(step)
        self._conversations: dict[str, str] = {}
        self._message_ids: dict[int, str] = {}
        self._persisting: dict[tuple[str, str], Step] = {}
        self._early: set[tuple[str, str]] = set()
        self._completed: set[After] = set()
        self._left = 2 * len(planned.steps)
        self._over = asyncio.Event()

    async def execute(self, clients: dict[str, Line]) -> None:
        """Execute all steps, until each is answered and persisted."""
        self._clients = clients
        async with asyncio.TaskGroup() as self._tasks:
            for step, waits in zip(self._plan.steps, self._waits, strict=True):
                if not waits:
                    self._start(step)
            while self._left:
                before = self._left
                try:
                    async with asyncio.timeout(STALL_S):
                        await self._over.wait()
                except TimeoutError:
                    if self._left == before:
                        raise Stalled(self._first_unfinished()) from None

    async def last_deliveries(self, *, same: bool) -> None:
        """Return when all deliveries arrived and, if views must be the `same`, no view differs; or after 30 s."""
        deadline = time.monotonic() + LAST_DELIVERIES_S
        while self.tally.outstanding > 0 or (same and next(self.views.differences(), None)):
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(POLL_S)

    async def miscounted(self) -> list[tuple[str, str]]:
        """Return the users whose unread count differs from what they received and read, after at most 30 s."""
        if self._unread is None:
            return []
        deadline = time.monotonic() + LAST_DELIVERIES_S
        while found := [one async for one in self._unread.differences(self._clients, self.views.leavers())]:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(1.0)
        return found

    def record(self, user: str, event: Event) -> None:
        """Record an event that a user's application received."""
        self.views.record(user, event)
        seq = None if self._unread is None else self._unread.record(user, event)
        if self._unread is not None and seq is not None and self._left and user in self._clients:
            read = self._unread.mark_read(user, self._clients[user], event.data["conversation_id"], seq)
            self._tasks.create_task(read, name=f"play-read-{user}")
        match event.type:
            case "message:new":
                step = self.tally.received(user, event)
                if step is not None:
                    self._message_ids[step.number] = event.data["message_id"]
                    self._complete(step, "persisted")
            case "message:deleted":
                self._persisted(event.data["message_id"], "deleted")
            case "receipt" if event.data["stage"] == "persisted":
                self._persisted(event.data["message_id"], event.data["lane"])

    def _start(self, step: Step) -> None:
        self._tasks.create_task(self._do(step), name=f"play-{step.act}-{step.line}")

    async def _do(self, step: Step) -> None:
        began = time.monotonic()
        try:
            answer = await self._clients[step.actor].command(COMMANDS[step.act], self._data(step))
        except CommandError as rejection:
            if not step.line:
                raise
            self.tally.rejected(rejection.code)
            self._answered(step, persisted=True)
        else:
            self._accepted(step, answer, time.monotonic() - began)
        if step.line:
            self._progress(self.tally.answered, self._plan.rows)

    def _accepted(self, step: Step, answer: dict[str, Any], seconds: float) -> None:
        if step.act == "create":
            self._conversations[step.channel] = answer["conversation_id"]
            self.tally.conversation(answer["conversation_id"], step.channel)
            self.views.conversation(answer["conversation_id"], step.channel)
        self.tally.acked(step, seconds)
        persisted = answer["level"] == "persisted"
        if step.act == "send":
            self._message_ids[step.number] = answer["message_id"]
            persisted |= self._expect(step, answer["message_id"], "sent")
        elif step.act == "delete":
            persisted |= self._expect(step, answer["message_id"], "deleted")
        else:
            persisted = True
        self._answered(step, persisted=persisted)

    def _expect(self, step: Step, message_id: str, lane: str) -> bool:
        """Expect the receipt that this is persisted; return whether it arrived before the answer."""
        self._persisting[message_id, lane] = step
        return (message_id, lane) in self._early

    def _persisted(self, message_id: str, lane: str) -> None:
        step = self._persisting.get((message_id, lane))
        if step is None:
            self._early.add((message_id, lane))
        else:
            self._complete(step, "persisted")

    def _answered(self, step: Step, *, persisted: bool) -> None:
        self._complete(step, "answered")
        if persisted:
            self._complete(step, "persisted")

    def _complete(self, step: Step, level: Level) -> None:
        """Mark that the step reached this level; start the steps that waited for nothing else."""
        if (step.number, level) in self._completed:
            return
        self._completed.add((step.number, level))
        self._left -= 1
        for follower in self._followers.get((step.number, level), ()):
            self._waits[follower.number] -= 1
            if not self._waits[follower.number]:
                self._start(follower)
        if not self._left:
            self._over.set()

    def _data(self, step: Step) -> dict[str, Any]:
        """Return the data of the step's command."""
        if step.act == "create":
            return {"kind": "group", "external_id": step.channel}
        conversation = {"conversation_id": self._conversations[step.channel]}
        match step.act:
            case "add":
                return {**conversation, "participants": [step.user], "client_key": f"add {step.number}"}
            case "leave":
                return {**conversation, "client_key": f"leave {step.line}"}
            case "send":
                return conversation | self._send_data(step)
            case "edit" if isinstance(step.row, Edit):
                changed = {"text": step.row.text, "client_key": step.row.at}
                return {**conversation, "message_id": self._message_id(step), **changed}
            case _:
                return {**conversation, "message_id": self._message_id(step)}

    def _send_data(self, step: Step) -> dict[str, Any]:
        assert isinstance(step.row, Send)  # noqa: S101 - what the act says, for the type checker
        data = {"client_msg_id": step.row.at, "text": step.row.text}
        root = None if step.target is None else self._message_ids.get(step.target)
        return data if root is None else {**data, "reply_to": root}

    def _message_id(self, step: Step) -> str:
        """Return the id of the message that the step names; if it was never sent, the id if this user had sent it."""
        if step.target is not None and step.target in self._message_ids:
            return self._message_ids[step.target]
        target: str = getattr(step.row, "target", "")
        return ids.message_id(self._tenant, self._conversations[step.channel], step.user, target)

    def _first_unfinished(self) -> str:
        """Describe how many levels are left and the first of them."""
        for step in self._plan.steps:
            for level in ("answered", "persisted"):
                if (step.number, level) not in self._completed:
                    return f"{self._left} things are left; first: {step.act} of line {step.line} is not {level}"
        return "nothing is left"
