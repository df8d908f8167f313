"""FakeNode is a node in memory behind real WebSockets: a small form of the protocol, with faults on demand."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

from schemas import ids
from schemas.wire.errors import problem
from schemas.wire.frames import PUSH_OF_LANE, PUSH_OF_USER, USER
from tests.edge.fake_room import Conversation, Message

TENANT = "default"
AT = "2018-02-01T00:00:00.000Z"
Json = dict[str, Any]


class Refusal(Exception):
    """A command that is refused with this code."""


def no_fault(*_: Any) -> Any:
    return None


class FakeNode:
    """One node; `frames` are all received commands, `syncs` the syncs. `loses(user, lane, n)` drops a push until the
    heartbeat, if there is one; `fails(user, frame)` answers a code instead of executing; `cuts(user, frame)` closes
    with a code after the command was executed, unanswered; `answers` has the replies to commands that it does not know;
    `kept` is each user's own lane. `nameless(user, frame)` refuses a frame without its id, `silent(user, frame)`
    executes and does not answer. With a `status` another server at its address answers with that status.
    """

    def __init__(self) -> None:
        self.url = ""
        self.urls: list[str] = []
        self.conversations: dict[str, Conversation] = {}
        self.sockets: dict[str, list[web.WebSocketResponse]] = {}
        self.frames: list[tuple[str, Json]] = []
        self.syncs: list[tuple[str, Json]] = []
        self.answers: dict[str, Json] = {}
        self.kept: dict[str, list[Json]] = {}
        self.headers: list[Json] = []
        self.tokens: list[str] = []
        self.loses: Callable[[str, str, int], Any] = no_fault
        self.fails: Callable[[str, Json], str | None] = no_fault
        self.cuts: Callable[[str, Json], int | None] = no_fault
        self.nameless: Callable[[str, Json], Any] = no_fault
        self.silent: Callable[[str, Json], Any] = no_fault
        self.heartbeat_s: float | None = None
        self.doubles = False
        self.in_flight = 64
        self.expires_in: int | None = None
        self.holds_answers: asyncio.Event | None = None
        self.refuses_with: int | None = None
        self.status: int | None = None
        self.strangers_asked = 0
        self.connected: list[str] = []

    # HTTP

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.post("/api/v1/auth/sdk/token", self.token), web.get("/{name:socket.*}", self.socket)])
        return app

    async def token(self, request: web.Request) -> web.Response:
        if request.headers.get("X-App-Secret") != "secret":
            return web.json_response({**_problem("unauthorized"), "type": "x"}, status=401)
        user = (await request.json())["user_id"]
        self.tokens.append(user)
        return web.json_response({"token": user, "expires_in": 900, "socket_urls": self.urls})

    async def socket(self, request: web.Request) -> web.StreamResponse:
        if self.status is not None:
            self.strangers_asked += 1
            return web.Response(status=self.status)
        socket = web.WebSocketResponse(protocols=("caas.v1.json",))
        await socket.prepare(request)
        self.headers.append({"protocol": socket.ws_protocol, **request.headers})
        user = request.headers["Authorization"].removeprefix("Bearer ")
        if self.refuses_with is not None:
            await socket.send_json({"id": None, "type": "error", "error": _problem("unauthorized")})
            await socket.close(code=self.refuses_with)
            return socket
        self.connected.append(str(request.rel_url))
        hello = {"protocol": "caas.v1", "session": "s", "user_id": user, "heartbeat_ms": 20000}
        hello |= {} if self.expires_in is None else {"expires_in": self.expires_in}
        limits = {"frame": 65536, "in_flight": self.in_flight}
        await socket.send_json({"type": "hello", "data": {**hello, "limits": limits}})
        self.sockets.setdefault(user, []).append(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self.receive(user, socket, json.loads(message.data))
        finally:
            self.sockets[user].remove(socket)
        return socket

    async def cut(self, user: str, code: int = 4408) -> None:
        for socket in list(self.sockets.get(user, [])):
            await socket.close(code=code)

    async def go_away(self, user: str, after_ms: int) -> None:
        """Ask this user's clients to open their next connections; the current ones are still served."""
        frame = {"type": "going-away", "data": {"code": 4101, "reconnect_after_ms": after_ms}}
        for socket in list(self.sockets.get(user, [])):
            await _say(socket, frame)

    # Commands

    async def receive(self, user: str, socket: web.WebSocketResponse, frame: Json) -> None:
        (self.syncs if frame["type"] == "sync" else self.frames).append((user, frame))
        if code := self.fails(user, frame):
            return await _say(socket, {"id": frame["id"], "type": "error", "error": _problem(code)})
        if self.nameless(user, frame):
            return await _say(socket, {"id": None, "type": "error", "error": _problem("invalid_json"), "data": None})
        try:
            answer = self.obey(user, frame)
        except Refusal as refusal:
            return await _say(socket, {"id": frame["id"], "type": "error", "error": _problem(str(refusal))})
        if close := self.cuts(user, frame):
            await socket.close(code=close)
            return None
        if self.silent(user, frame):
            return None
        if self.holds_answers is not None:
            await self.holds_answers.wait()
        if frame["type"] == "sync":
            return await self.sync(user, socket, frame)
        return await _say(socket, {"id": frame["id"], "type": "ack", "data": answer})

    def obey(self, user: str, frame: Json) -> Json:
        data = frame["data"]
        if frame["type"] == "sync":
            return {}
        if frame["type"] in self.answers:
            return self.answers[frame["type"]]
        if frame["type"] == "conversation:create":
            return self.create(user, data)
        conversation = self.conversations.get(data["conversation_id"])
        if conversation is None:
            raise Refusal("conversation_not_found")
        if not conversation.is_member(user):
            raise Refusal("not_a_participant")
        if frame["type"] == "message:send":
            return self.send(user, data, conversation)
        if frame["type"] in {"message:edit", "message:delete"}:
            return self.change(user, frame["type"], data, conversation)
        users = data.get("participants", [user])
        return self.move(user, frame["type"] == "conversation:add-participants", users, conversation)

    def create(self, user: str, data: Json) -> Json:
        key = ids.external_conversation_id(TENANT, data["external_id"])
        if key not in self.conversations:
            self.conversations[key] = Conversation(key, data["external_id"], user, {user: [[1, None]]})
            self.changed(self.conversations[key], "created", user, [user], 0)
        return {"conversation_id": key, "level": "accepted"}

    def move(self, actor: str, enter: bool, users: list[str], conversation: Conversation) -> Json:
        seq = len(conversation.rows["sent"])
        moved = [user for user in users if conversation.is_member(user) is not enter]
        if moved:
            change = "participants-added" if enter else "participants-removed"
            for user in moved:
                if enter:
                    conversation.members.setdefault(user, []).append([seq + 1, None])
            self.changed(conversation, change, actor, moved, seq)
            for user in moved:
                if not enter:
                    conversation.members[user][-1][1] = seq
        return {"conversation_id": conversation.id, "level": "accepted" if moved else "persisted"}

    def send(self, user: str, data: Json, conversation: Conversation) -> Json:
        key = ids.message_id(TENANT, conversation.id, user, data["client_msg_id"])
        answer = {"message_id": key, "level": "accepted"}
        if key in conversation.messages:
            return {**answer, "level": "persisted"}
        root = data.get("reply_to")
        if root is not None and root not in conversation.messages:
            raise Refusal("message_not_found")
        seq = len(conversation.messages) + 1
        conversation.messages[key] = Message(key, data["client_msg_id"], user, data["text"], seq, root)
        self.say(conversation, "sent", conversation.messages[key].view(conversation.id), seq)
        return answer

    def change(self, user: str, kind: str, data: Json, conversation: Conversation) -> Json:
        message = conversation.messages.get(data["message_id"])
        if message is not None and message.deleted and kind == "message:delete" and message.sender == user:
            return {"message_id": message.message_id, "level": "persisted"}
        if message is None or message.deleted:
            raise Refusal("message_not_found")
        if message.sender != user:
            raise Refusal("not_the_author")
        if kind == "message:delete":
            message.deleted = True
        else:
            message.edited |= message.text != data["text"]
            message.text = data["text"]
        lane = "deleted" if kind == "message:delete" else "edited"
        self.say(conversation, lane, message.view(conversation.id), message.seq)
        return {"message_id": message.message_id, "level": "accepted"}

    # Pushes

    def changed(self, conversation: Conversation, change: str, actor: str, users: list[str], at_seq: int) -> None:
        n = len(conversation.rows["conversation"]) + 1
        about = {"conversation_id": conversation.id, "change": change, "actor": actor, "at": AT, "n": n}
        self.say(conversation, "conversation", {**about, "participants": users, "at_seq": at_seq}, 0)

    def say(self, conversation: Conversation, lane: str, data: Json, seq: int) -> None:
        conversation.rows[lane].append((data, seq, PUSH_OF_LANE[lane]))
        n = len(conversation.rows[lane])
        frame = json.dumps({"type": PUSH_OF_LANE[lane], "lane": lane, "n": n, "data": data})
        for user in conversation.members:
            reads = conversation.is_member(user) and (not seq or conversation.reads(user, seq))
            if reads and not self.loses(user, lane, n):
                self.push(user, frame)
            elif reads and self.heartbeat_s is not None:
                asyncio.get_running_loop().call_later(self.heartbeat_s, self.push, user, frame)
        if lane != "conversation":
            about = {"conversation_id": conversation.id, "message_id": data["message_id"], "seq": seq, "applied": True}
            receipt = {"type": "receipt", "data": {**about, "stage": "persisted", "lane": lane}}
            if not self.loses(data["sender"], "receipt", n):
                self.push(data["sender"], json.dumps(receipt))

    def keep(self, user: str, view: Json) -> None:
        """Add a row to the user's own lane."""
        views = self.kept.setdefault(user, [])
        views.append(view)
        if not self.loses(user, USER, len(views)):
            self.push(user, json.dumps({"type": PUSH_OF_USER, "lane": USER, "n": len(views), "data": view}))

    def push(self, user: str, frame: str) -> None:
        for socket in self.sockets.get(user, []):
            for _ in range(2 if self.doubles else 1):
                asyncio.get_running_loop().call_soon(lambda s=socket: asyncio.ensure_future(_say_text(s, frame)))

    async def sync(self, user: str, socket: web.WebSocketResponse, frame: Json) -> None:
        asked, vector = frame["data"]["positions"], {}
        after, upto, own = (frame["data"].get(name) for name in ("after", "upto", "user"))
        for conversation in self.conversations.values():
            if (after and conversation.id <= after) or (upto and conversation.id > upto):
                continue
            was_in = user in conversation.members and conversation.id in asked
            if conversation.is_member(user) or was_in:
                vector[conversation.id] = conversation.vector()
                if frame["data"].get("tell") is False:
                    continue
                for lane, rows in conversation.rows.items():
                    start = asked.get(conversation.id, {}).get(lane, 0)
                    for n, (data, seq, kind) in enumerate(rows[start:], start + 1):
                        if not seq or conversation.reads(user, seq):
                            await _say(socket, {"type": kind, "lane": lane, "n": n, "data": data})
        kept = self.kept.get(user, [])
        for n, view in enumerate(kept if own is not None and frame["data"].get("tell", True) else [], 1):
            if n > own:
                await _say(socket, {"type": PUSH_OF_USER, "lane": USER, "n": n, "data": view})
        synced = {"complete": True, "positions": vector} | ({} if own is None else {"user": len(kept)})
        await _say(socket, {"id": frame["id"], "type": "synced", "data": synced})

    def transcript(self) -> list[Json]:
        """Return the correct transcript of this node."""
        return [
            {
                "conversation": conversation.external_id,
                "seq": message.seq,
                "message_id": message.message_id,
                "client_msg_id": message.client_msg_id,
                "sender": message.sender,
                "text": None if message.deleted else message.text,
                "edited": message.edited,
                "deleted": message.deleted,
                "reply_to": conversation.messages[message.reply_to].client_msg_id if message.reply_to else None,
            }
            for conversation in self.conversations.values()
            for message in conversation.messages.values()
        ]


def _problem(code: str) -> Json:
    what = problem(code)
    return {"code": code, "title": what.title, "detail": what.detail, "retry": what.retry}


async def _say(socket: web.WebSocketResponse, frame: Json) -> None:
    await _say_text(socket, json.dumps(frame))


async def _say_text(socket: web.WebSocketResponse, text: str) -> None:
    if not socket.closed:
        try:
            await socket.send_str(text)
        except ConnectionResetError:
            return


@asynccontextmanager
async def fake_node(port: int = 0) -> AsyncIterator[FakeNode]:
    """Run a node on this port, 0 for any free one; its two socket URLs lead to the same place."""
    node = FakeNode()
    runner = web.AppRunner(node.app(), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    port = runner.addresses[0][1]
    node.url = f"http://127.0.0.1:{port}"
    node.urls = [f"ws://127.0.0.1:{port}/socket", f"ws://127.0.0.1:{port}/socket2"]
    try:
        yield node
    finally:
        for user in list(node.sockets):
            await node.cut(user, 1001)
        await runner.cleanup()
