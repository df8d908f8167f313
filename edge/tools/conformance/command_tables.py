"""Checks every command once: its effect in the read models, and each rejection that the protocol's page lists."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.tools.conformance import postconditions, refusal_cases
from edge.tools.conformance.line import Frame
from edge.tools.conformance.postconditions import After
from edge.tools.conformance.refusal_cases import Refusal
from edge.tools.conformance.stage import NOWHERE, Stage, staged
from edge.tools.conformance.suite import Check
from edge.tools.conformance.world import World

Data = Callable[[Stage], Frame]

ROOM: Final = ("not_a_participant", "conversation_not_found")
MESSAGE: Final = ("message_not_found", *ROOM)
NAMING: Final = {"message:send": "reply_to", "message:read": "thread"}
"""The field in which a command names a message, if not `message_id`."""


@dataclass(frozen=True, slots=True)
class Case:
    """A command: `data` that an owner may send, its effect `after` success, the codes of `plain` rejections, and the
    `refusals` of this command alone.
    """

    command: str
    data: Data
    after: After
    plain: tuple[str, ...] = ROOM
    refusals: Mapping[str, Refusal] = field(default_factory=dict)

    @property
    def codes(self) -> frozenset[str]:
        """The code of every rejection that is tried."""
        return frozenset((*self.plain, *self.refusals))

    async def hold(self, stage: Stage) -> None:
        """Try the rejections, then the command itself, then check its effect."""
        for code in self.plain:
            await self._refused(stage, code)
        for code, refusal in self.refusals.items():
            await refusal(stage, self.command, code)
        data = self.data(stage)
        answer = await stage.ann.done(self.command, data)
        await self.after(stage, {**data, **(answer or {})})

    async def _refused(self, stage: Stage, code: str) -> None:
        data, line = self.data(stage), stage.ann
        if code == "not_a_participant":
            line = stage.eve
        elif code == "conversation_not_found":
            data["conversation_id"] = NOWHERE
        else:
            data[NAMING.get(self.command, "message_id")] = NOWHERE
        await line.refused(self.command, data, code)


def check_of(case: Case) -> Check:
    """Return the check of one command."""

    async def check(world: World) -> None:
        async with staged(world) as stage:
            await case.hold(stage)

    check.__name__ = f"does_{case.command.replace(':', '_').replace('-', '_')}"
    tried = ", ".join(f"`{code}`" for code in sorted(case.codes)) or "nothing"
    check.__doc__ = f"`{case.command}` has its effect, and is refused with {tried} where it must be."
    return check


CASES: Final[tuple[Case, ...]] = (
    Case(
        "message:send",
        lambda s: {**s.here, "client_msg_id": s.key(), "text": "hello", "reply_to": s.theirs},
        postconditions.said,
        MESSAGE,
        {
            "validation_failed": refusal_cases.with_fields(text="", ciphertext=None),
            "idempotency_conflict": refusal_cases.reuses_key_for_other_text,
        },
    ),
    Case(
        "message:forward",
        lambda s: {**s.about(s.mine), "from_conversation_id": s.room, "client_msg_id": s.key()},
        postconditions.forwarded,
        MESSAGE,
        {
            "not_allowed": refusal_cases.forwards_sealed,
            "idempotency_conflict": refusal_cases.reuses_key_for_other_forward,
        },
    ),
    Case(
        "message:edit",
        lambda s: {**s.about(s.mine), "text": "other", "client_key": s.key()},
        postconditions.said,
        MESSAGE,
        {
            "validation_failed": refusal_cases.seals,
            "not_the_author": refusal_cases.edits_message_of_another,
            "edit_limit": refusal_cases.edits_too_often,
        },
    ),
    Case(
        "message:delete",
        lambda s: s.about(s.mine),
        postconditions.withdrawn,
        MESSAGE,
        {"not_the_author": refusal_cases.deletes_message_of_another},
    ),
    Case(
        "reaction:add",
        lambda s: {**s.about(s.mine), "emoji": "👍", "client_key": s.key()},
        postconditions.reacted,
        MESSAGE,
        {
            "validation_failed": refusal_cases.invalid_emoji,
            "reaction_limit": refusal_cases.reacts_too_often,
            "idempotency_conflict": refusal_cases.reuses_key_for_other_value("emoji", "🎉"),
        },
    ),
    Case(
        "reaction:remove",
        lambda s: {**s.about(s.mine), "emoji": "👍", "client_key": s.key()},
        postconditions.unreacted,
        MESSAGE,
        {"idempotency_conflict": refusal_cases.reuses_key_for_other_value("emoji", "🎉")},
    ),
    Case("message:get", lambda s: s.about(s.mine), postconditions.answers(more=False, versions=1), MESSAGE),
    Case(
        "message:history",
        lambda s: s.here,
        postconditions.answers(messages=3, more_before=False, more_after=False),
        ROOM,
        {"validation_failed": refusal_cases.with_fields(before=1, after=1)},
    ),
    Case(
        "message:thread",
        lambda s: s.about(s.mine),
        postconditions.answers(messages=0, more_after=False, unread=0),
        MESSAGE,
    ),
    Case("message:hide", lambda s: s.about(s.theirs), postconditions.hidden, MESSAGE),
    Case("message:read", lambda s: {**s.here, "seq": 3}, postconditions.kept(read=3), MESSAGE),
    Case("message:delivered", lambda s: {**s.here, "seq": 3, "device": "d"}, postconditions.delivered),
    Case(
        "message:pin",
        lambda s: {**s.about(s.mine), "client_key": s.key()},
        postconditions.pinned,
        MESSAGE,
        {
            "idempotency_conflict": refusal_cases.reuses_key_for_other_message,
            "pin_limit": refusal_cases.pins_too_many_messages,
        },
    ),
    Case(
        "message:unpin",
        lambda s: {**s.about(s.mine), "client_key": s.key()},
        postconditions.unpinned,
        ROOM,
        {"idempotency_conflict": refusal_cases.reuses_key_for_other_message},
    ),
    Case(
        "conversation:create",
        lambda s: {"external_id": s.key(), "title": "Plans", "participants": [s.bob.user]},
        postconditions.opened,
        (),
        {
            "validation_failed": refusal_cases.wrong_number_of_participants,
            "not_a_participant": refusal_cases.opens_conversation_of_another,
        },
    ),
    Case(
        "conversation:update",
        lambda s: {**s.here, "title": "Plans", "client_key": s.key()},
        postconditions.opened,
        ROOM,
        {
            "validation_failed": refusal_cases.with_fields(title=""),
            "not_allowed": refusal_cases.by_member,
            "idempotency_conflict": refusal_cases.reuses_key_for_other_value("title", "Others"),
        },
    ),
    Case(
        "conversation:add-participants",
        lambda s: {**s.here, "participants": [s.world.user("cy")], "client_key": s.key()},
        postconditions.joined,
        ROOM,
        {"not_allowed": refusal_cases.by_member},
    ),
    Case(
        "conversation:remove-participants",
        lambda s: {**s.here, "participants": [s.bob.user], "client_key": s.key()},
        postconditions.gone,
        ROOM,
        {"not_allowed": refusal_cases.by_member_about("ann"), "last_owner": refusal_cases.about_user("ann")},
    ),
    Case(
        "conversation:set-role",
        lambda s: {**s.here, "participants": [s.bob.user], "role": "admin", "client_key": s.key()},
        postconditions.ranked,
        ROOM,
        {
            "not_allowed": refusal_cases.by_member,
            "participant_not_found": refusal_cases.about_user("eve"),
            "last_owner": refusal_cases.about_user("ann"),
            "idempotency_conflict": refusal_cases.reuses_key_for_other_value("role", "admin", then="member"),
        },
    ),
    Case(
        "conversation:leave",
        refusal_cases.leaves,
        postconditions.left,
        ("conversation_not_found", "not_a_participant"),
        {"last_owner": refusal_cases.leaves_as_last_owner},
    ),
    Case(
        "conversation:mute",
        lambda s: {**s.here, "until": "2999-01-01T00:00:00.000Z", "client_key": s.key()},
        postconditions.kept(muted=True, muted_until="2999-01-01T00:00:00.000Z"),
        ROOM,
        {
            "validation_failed": refusal_cases.with_fields(until="2001-01-01T00:00:00.000Z"),
            "idempotency_conflict": refusal_cases.reuses_key_for_other_value("until", None),
        },
    ),
    Case("conversation:unmute", lambda s: {**s.here, "client_key": s.key()}, postconditions.kept(muted=False)),
    Case(
        "conversation:archive",
        lambda s: {**s.here, "client_key": s.key()},
        postconditions.kept(archived=True, archived_seq=3),
        ROOM,
        {"idempotency_conflict": refusal_cases.reuses_key_for_other_value("keep_archived", True, then=False)},
    ),
    Case("conversation:unarchive", lambda s: {**s.here, "client_key": s.key()}, postconditions.kept(archived=False)),
    Case(
        "conversation:pin",
        lambda s: {**s.here, "client_key": s.key()},
        postconditions.kept_pinned,
        ROOM,
        {"pin_limit": refusal_cases.pins_too_many_conversations},
    ),
    Case("conversation:unpin", lambda s: {**s.here, "client_key": s.key()}, postconditions.kept(pinned=None)),
    Case("conversation:get", lambda s: s.here, postconditions.answers(participants=2, seq=3)),
    Case(
        "conversation:list",
        lambda _: {"limit": 1},
        postconditions.answers(conversations=1, after=None),
        (),
        {"validation_failed": refusal_cases.with_fields(after="here")},
    ),
    Case(
        "search:messages",
        lambda s: {**s.here, "text": "theirs"},
        postconditions.answers(),
        ROOM,
        {"validation_failed": refusal_cases.with_fields(text="theirs", after="nonsense")},
    ),
    Case("typing:start", lambda s: s.here, postconditions.answers(level="accepted")),
    Case("typing:stop", lambda s: s.here, postconditions.answers(level="accepted")),
    Case("presence:set", lambda _: {"status": "busy"}, postconditions.answers(status="busy"), ()),
    Case("presence:get", lambda s: {"users": [s.bob.user]}, postconditions.answers(presences=1), ()),
    Case("presence:subscribe", lambda s: {"users": [s.bob.user]}, postconditions.answers(presences=1), ()),
    Case("sync", lambda _: {"positions": {}}, postconditions.answers(complete=True, reset=0), ()),
)
CHECKS: Final[tuple[Check, ...]] = tuple(map(check_of, CASES))
