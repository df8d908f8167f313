"""Our nodes keep every rule; a node that breaks a rule fails the check of that rule."""

import asyncio
import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
import uvloop

from edge.cli.conformance import CHECKS
from edge.tools.conformance import line
from edge.tools.conformance.proxy import Between, Straight, proxied
from edge.tools.conformance.stage import NOWHERE
from edge.tools.conformance.suite import Result, run
from schemas.wire.frames import CURSORS
from tests.e2e.up import Up, running
from tests.edge.tools.conformance.lies import (
    Asking,
    Deaf,
    Forgetful,
    Frame,
    Lying,
    Narrow,
    Once,
    closing_with,
    writing_first,
)

pytestmark = pytest.mark.slow

CHECK = {check.__name__: check for check in CHECKS}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("conformance"), {"CAAS_LOGIN_MS": "3000"}) as found:
        yield found


async def held(up: Up, names: list[str], *nodes: str) -> list[Result]:
    checks = [CHECK[name] for name in names]
    return await run(up.url, *up.app, checks, nodes=nodes)


@pytest.mark.parametrize("name", CHECK)
async def test_our_nodes_keep_every_rule(up: Up, name: str) -> None:
    (result,) = await held(up, [name])
    assert (result.name, result.why) == (name, "")
    assert result.rule.endswith(".")


def test_our_nodes_keep_the_flood_rules_on_uvloop(up: Up) -> None:
    """There a write to a line that the node has closed raises; the command line runs on it."""
    results = uvloop.run(held(up, ["paces_control_frames", "paces_fragments"]))
    assert [(result.name, result.why) for result in results if not result.holds] == []


def test_fragment_on_a_closed_line_is_ignored_on_uvloop(up: Up) -> None:
    async def send_on_a_closed_line() -> None:
        async with aiohttp.ClientSession() as session, line.opened(session, up.socket_url, "nobody") as nobody:
            await nobody.send_binary(b"x")
            await nobody.closed(4510, 4501)
            for _ in range(3):
                nobody.send_fragment(b"", first=True)
                await asyncio.sleep(0.01)

    uvloop.run(send_on_a_closed_line())


def test_check_names_are_unique() -> None:
    assert len(CHECK) == len(CHECKS)


def only(kind: str, change: Callable[[Frame], list[Frame]]) -> Callable[[], Between]:
    return lambda: Lying(lambda frame: change(frame) if frame["type"] == kind else [frame])


def changed(frame: Frame, path: str, value: Any) -> list[Frame]:
    found = copy.deepcopy(frame)
    *way, last = path.split(".")
    place = found
    for name in way:
        place = place[name]
    place[last] = value
    return [found]


def swapped() -> Between:
    """A node that swaps new messages in pairs."""
    held: list[Frame] = []

    def lie(frame: Frame) -> list[Frame]:
        if frame["type"] != "message:new":
            return [frame]
        held.append(frame)
        return [held.pop(), held.pop()] if len(held) == 2 else []

    return Lying(lie)


def forgetful() -> Between:
    """A node that forgets what a sync sent to a line."""
    synced: list[Frame] = []

    def lie(frame: Frame) -> list[Frame]:
        if frame["type"] == "synced":
            synced.append(frame)
        return [] if synced and frame["type"] == "message:edited" else [frame]

    return Lying(lie)


def without_retry(frame: Frame) -> list[Frame]:
    """A node that executes every repeat as a new command."""
    if frame.get("retry") or frame.get("type") == "message:send":
        key = frame["data"].get("client_msg_id")
        return changed(frame, "data.client_msg_id", f"{key}.{id(frame)}") if key else [frame]
    return [frame]


def undoing(frame: Frame) -> list[Frame]:
    """A node that executes a late repeat of an edit as a new one."""
    if frame.get("retry") and frame["type"] == "message:edit":
        return changed(frame, "data.client_key", "new")
    return [frame]


def miscounting(frame: Frame) -> list[Frame]:
    """A node that counts the user's own messages as unread."""
    shown = (frame["data"] or {}).get("conversations") or []
    return [{**frame, "data": {**frame["data"], "conversations": [{**one, "unread": 3} for one in shown]}}]


def without_mentions(frame: Frame) -> list[Frame]:
    """A node that counts only mentions in sent texts, not in edits."""
    shown = (frame["data"] or {}).get("conversations") or []
    return [{**frame, "data": {**frame["data"], "conversations": [{**one, "mentions": 0} for one in shown]}}]


def hides(frame: Frame) -> bool:
    return frame.get("type") == "message:hide"


def distinguishing_presentations(frame: Frame) -> list[Frame]:
    """A node that treats the presentations of an emoji as different emoji."""
    emoji = (frame.get("data") or {}).get("emoji", "")
    return changed(frame, "data.emoji", f":{len(emoji)}:") if emoji.startswith("❤") else [frame]


def holding_on(frame: Frame) -> list[Frame]:
    """A node that lets no user who left delete a message."""
    return changed(frame, "data.message_id", NOWHERE) if frame.get("type") == "message:delete" else [frame]


def used_up(frame: Frame) -> list[Frame]:
    """A node that counts the emoji on a message of all members together."""
    return changed(frame, "data.emoji", ":e0:") if (frame.get("data") or {}).get("emoji") == ":more:" else [frame]


def reads(frame: Frame) -> bool:
    return frame.get("type") == "message:read"


def accepted(frame: Frame) -> list[Frame]:
    """A node that never waits."""
    return changed(frame, "data.level", "accepted") if "level" in (frame["data"] or {}) else [frame]


def naming_another_reader(frame: Frame) -> list[Frame]:
    """A node whose cursors name another reader."""
    return changed(frame, "data.cursors", [{**one, "user_id": "somebody"} for one in frame["data"]["cursors"]])


def reporting_the_last_hundred(frame: Frame) -> list[Frame]:
    """A node that pushes no cursors far from the message."""
    return [] if any(one["read_seq"] > 100 for one in frame["data"]["cursors"]) else [frame]


def without_cursors(frame: Frame) -> list[Frame]:
    """A node that pushes cursors, and stores none."""
    found = copy.deepcopy(frame)
    for one in (found["data"] or {}).get("participants") or ():
        one["read_seq"] = one["delivered_seq"] = 0
    return [found]


def indiscreet(frame: Frame) -> list[Frame]:
    """A node that ignores `private` of a read."""
    return changed(frame, "data.private", False) if reads(frame) else [frame]


def shown_to_newcomers(frame: Frame) -> list[Frame]:
    """A node that lets an added user read earlier messages."""
    if (frame["data"] or {}).get("messages") == []:
        return changed(frame, "data.messages", [message("before 0")])
    return [frame]


def message(text: str) -> Frame:
    about = {"conversation_id": "c", "message_id": "m", "sender": "ann", "text": text, "at": "2026-11-20T09:30:00.000Z"}
    return {**about, "seq": 1, "client_msg_id": "", "reply_to": None}


def cut_short(frame: Frame) -> list[Frame]:
    """A node that hides the last message from a user who left."""
    shown = (frame["data"] or {}).get("messages") or []
    return changed(frame, "data.messages", shown[:-1]) if shown else [frame]


def unreadable(frame: Frame) -> bool:
    return bool(frame["error"]["code"] == "invalid_json")


def checking_the_author_first(frame: Frame) -> list[Frame]:
    """A node that checks the author of a message before it checks who may read it."""
    known = frame["error"]["code"] == "message_not_found" and NOWHERE not in frame["error"]["detail"]
    return changed(frame, "error.code", "not_the_author") if known else [frame]


def answers_auth(frame: Frame) -> bool:
    return "expires_in" in (frame["data"] or {})


def hurried() -> Between:
    """A node that answers auth before it sends hello."""
    held: list[Frame] = []

    def lie(frame: Frame) -> list[Frame]:
        if frame["type"] == "hello":
            held.append(frame)
            return []
        return [frame, held.pop()] if held else [frame]

    return Lying(lie)


def stale() -> Between:
    """A node that answers each list with the one before."""
    held: list[Frame] = [{"conversations": [], "after": None}]

    def lie(frame: Frame) -> list[Frame]:
        if frame["type"] != "ack" or "conversations" not in (frame["data"] or {}):
            return [frame]
        held.append(frame["data"])
        return changed(frame, "data", held.pop(0))

    return Lying(lie)


def mentioning(frame: Frame) -> list[Frame]:
    """A node that matches mentions by the beginning of a name."""
    named = re.findall(r"@(bob\.[0-9a-f]{12})", frame["data"]["text"] or "")
    return changed(frame, "data.mentions", named)


def rounding(frame: Frame) -> list[Frame]:
    """A node whose JSON has no integers beyond 64 bits."""
    return json.loads(re.sub(r"\d{18,}", "9007199254740992", json.dumps([frame])))  # type: ignore[no-any-return]


def seen(frame: Frame) -> list[Frame]:
    """A node that accepts a zero-width space as visible."""
    return changed(frame, "data.title", "x") if "\u200b" in (frame["data"].get("title") or "") else [frame]


def still_typing(frame: Frame) -> list[Frame]:
    """A node that shows bob as typing after he left."""
    return [] if frame["data"]["user_id"].startswith("bob") and not frame["data"]["typing"] else [frame]


def clinging() -> Between:
    """A node that keeps a pin until a user removes it."""
    held: list[str] = []

    def lie(frame: Frame) -> list[Frame]:
        if frame["type"] != "ack" or not (pins := (frame["data"] or {}).get("pins")):
            return [frame]
        held.extend(pin for pin in pins if pin not in held)
        return changed(frame, "data.pins", list(held))

    return Lying(lie)


def opens(frame: Frame) -> bool:
    return frame.get("type") == "conversation:create"


def dead(frame: Frame) -> list[Frame]:
    """A node that brings nobody back."""
    return [] if frame["data"]["change"] == "participants-added" else [frame]


def open_to_all() -> Between:
    """A node that opens another group in the place of one that was left."""
    return Asking(lambda frame: changed(frame, "data.external_id", f"{id(frame)}") if opens(frame) else [frame])


def shared(frame: Frame) -> list[Frame]:
    """A node with one namespace of conversations for all users."""
    return changed(frame, "data.external_id", "@app/all") if opens(frame) else [frame]


def without_users(frame: Frame) -> list[Frame]:
    """A node that shows a user's name without the user."""
    name = (frame["data"] or {}).get("external_id")
    return changed(frame, "data.external_id", name.rpartition("/")[2]) if name else [frame]


def without_ranks(frame: Frame) -> list[Frame]:
    """A node that ignores ranks: it accepts removals, roles and deletions, and executes none."""
    acts = {"conversation:remove-participants", "conversation:set-role", "message:delete"}
    return changed(frame, "type", "conversation:get") if frame.get("type") in acts else [frame]


def dragging(frame: Frame) -> list[Frame]:
    """A node that adds users who left themselves."""
    adds = frame.get("type") == "conversation:add-participants"
    return changed(frame, "type", "conversation:get") if adds else [frame]


def silent_about_history(frame: Frame) -> list[Frame]:
    """A node that opens earlier messages without a notification."""
    return [] if frame["data"]["change"] == "changed" else [frame]


def counts_notes(frame: Frame) -> list[Frame]:
    """A node that counts a user's notes to themselves as unread."""
    return changed(frame, "data.unread", 1) if (frame["data"] or {}).get("kind") == "direct" else [frame]


def remembering() -> Between:
    """A node that also finds what it found before."""
    before: list[Frame] = []

    def lie(frame: Frame) -> list[Frame]:
        if frame["type"] != "ack" or set(frame["data"] or ()) != {"messages", "after"}:
            return [frame]
        before.extend(frame["data"]["messages"])
        return changed(frame, "data.messages", frame["data"]["messages"] or before)

    return Lying(lie)


def searching(change: Callable[[Frame], Frame]) -> Callable[[], Between]:
    """A node that changes the query of each search."""

    def lie(frame: Frame) -> list[Frame]:
        asks = frame.get("type") == "search:messages"
        return [{**frame, "data": {**frame["data"], **change(frame["data"])}}] if asks else [frame]

    return lambda: Asking(lie)


def ending(frame: Frame) -> list[Frame]:
    """A node whose searches have one page."""
    searched = set(frame["data"] or ()) == {"messages", "after"}
    return changed(frame, "data.after", None) if searched else [frame]


def showing_less(frame: Frame) -> list[Frame]:
    """A node that filters what a user may read from the first ten hits only."""
    searched = set(frame["data"] or ()) == {"messages", "after"} and frame["data"]["messages"]
    early = searched and len(frame["data"]["messages"]) < 3
    return changed(frame, "data.messages", []) if early else [frame]


def without_pages(frame: Frame) -> list[Frame]:
    """A node that ignores paging."""
    is_get = frame.get("type") == "conversation:get"
    return changed(frame, "data", {"conversation_id": frame["data"]["conversation_id"]}) if is_get else [frame]


def large(frame: Frame) -> list[Frame]:
    """A node whose answers are larger than it says."""
    people = (frame["data"] or {}).get("participants")
    return changed(frame, "data.participants", people * 5_000) if people else [frame]


def by_id(frame: Frame) -> list[Frame]:
    """A node whose lists are by id."""
    listed = (frame["data"] or {}).get("conversations")
    by_ids = sorted(listed or (), key=lambda one: str(one["conversation_id"]))
    return changed(frame, "data.conversations", by_ids) if listed else [frame]


def without_others(frame: Frame) -> list[Frame]:
    """A node whose lists omit the other member of a direct conversation."""
    found = copy.deepcopy(frame)
    for one in (found["data"] or {}).get("conversations") or ():
        one["other"] = None
    return [found]


def always_present(frame: Frame) -> list[Frame]:
    """A node that never lists left conversations."""
    is_list = frame.get("type") == "conversation:list"
    return changed(frame, "data.present", True) if is_list else [frame]


def keeping_archived(frame: Frame) -> list[Frame]:
    """A node that never unarchives by a message."""
    archives = frame.get("type") == "conversation:archive"
    return changed(frame, "data.keep_archived", True) if archives else [frame]


def keeping_nothing(frame: Frame) -> list[Frame]:
    """A node that ignores `keep_archived`."""
    archives = frame.get("type") == "conversation:archive"
    return changed(frame, "data.keep_archived", False) if archives else [frame]


def without_threads(frame: Frame) -> list[Frame]:
    """A node whose messages have no thread summary."""
    found = copy.deepcopy(frame)
    for one in (found["data"] or {}).get("messages") or ():
        one.pop("thread", None)
    return [found]


def remembering_threads() -> Between:
    """A node that counts answers for every caller alike."""
    held: list[Any] = []

    def lie(frame: Frame) -> list[Frame]:
        root = (frame["data"] or {}).get("root") if frame["type"] == "ack" else None
        held.extend([root["thread"]] if root and "thread" in root else [])
        return changed(frame, "data.root.thread", held[-1]) if root and held else [frame]

    return Lying(lie)


def pins(frame: Frame) -> bool:
    return frame.get("type") == "conversation:pin"


def by_activity(frame: Frame) -> list[Frame]:
    """A node whose pinned conversations move like the others."""
    found = copy.deepcopy(frame)
    for one in (found["data"] or {}).get("conversations") or ():
        one["conversation_id"] = one["conversation_id"] if one["inbox"]["pinned"] is None else "moved"
    return [found]


LIES: dict[str, tuple[str, Callable[[], Between]]] = {
    "says something before hello": (
        "greets_first",
        only("hello", lambda frame: [{"type": "presence", "data": {}}, frame]),
    ),
    "greets another": ("takes_a_header", only("hello", lambda frame: changed(frame, "data.user_id", "else"))),
    "answers auth with another id": (
        "answers_auth",
        only("ack", lambda frame: changed(frame, "id", "else") if answers_auth(frame) else [frame]),
    ),
    "leaves auth without an answer": (
        "answers_auth",
        only("ack", lambda frame: [] if answers_auth(frame) else [frame]),
    ),
    "answers auth before hello": ("answers_auth", hurried),
    "refuses auth without its id": ("answers_auth", only("error", lambda frame: changed(frame, "id", None))),
    "knows auth as the first frame alone": ("renews_tokens", Once),
    "takes anybody's token": (
        "renews_tokens",
        only("error", lambda frame: [{"id": frame["id"], "type": "ack", "data": {}, "correlation_id": "x"}]),
    ),
    "closes where a token renews nothing": ("renews_tokens", closing_with(4501)),
    "closes a bad token with a code to come back": ("refuses_bad_tokens", closing_with(4401)),
    "closes a line without auth with 1000": ("asks_who_it_is", closing_with(1000)),
    "takes frames without a mask": ("takes_masked_frames_alone", Straight),
    "lets a late login reconnect": ("ends_a_late_login", closing_with(4401)),
    "closes a late login without an error": ("ends_a_late_login", only("error", lambda frame: [])),
    "accepts pings without end": ("paces_control_frames", Straight),
    "accepts fragments without end": ("paces_fragments", Straight),
    "loses the fragments after the tenth": (
        "paces_fragments",
        only("message:new", lambda frame: changed(frame, "data.text", frame["data"]["text"][:10])),
    ),
    "accepts nonsense without end": ("bears_rubbish_for_a_while", Deaf),
    "forgets correlation ids": (
        "answers_by_id",
        only("ack", lambda frame: changed(frame, "correlation_id", "0b9f3c36-2f5c-4d0a-9d0b-0c7d8f1f2a11")),
    ),
    "forgets the id of a frame that it cannot read": (
        "names_the_frame_that_is_broken",
        only("error", lambda frame: changed(frame, "id", None) if unreadable(frame) else [frame]),
    ),
    "names no pointers": ("names_what_is_wrong", only("error", lambda frame: changed(frame, "error.errors", []))),
    "answers twice": ("answers_by_id", only("ack", lambda frame: [frame, frame])),
    "sends no receipts": ("tells_everyone", only("receipt", lambda frame: [])),
    "loses a push": (
        "keeps_the_order_of_a_line",
        only("message:new", lambda frame: [] if frame["n"] == 7 else [frame]),
    ),
    "swaps pushes": ("keeps_the_order_of_a_line", swapped),
    "counts from 0": (
        "keeps_the_order_of_a_line",
        only("message:new", lambda frame: changed(frame, "n", frame["n"] - 1)),
    ),
    "shows a deleted text": (
        "lets_authors_change",
        only("message:deleted", lambda frame: changed(frame, "data.text", "x")),
    ),
    "takes repeats for new": ("says_once_what_is_repeated", lambda: Asking(without_retry)),
    "takes a late edit for new": ("lets_no_late_repeat_undo", lambda: Asking(undoing)),
    "forgets edits in a sync": ("brings_what_was_missed", only("message:edited", lambda frame: [])),
    "forgets who returns": ("tells_who_returns_what_changed", forgetful),
    "calls a partial sync complete": (
        "pages_a_long_absence",
        only("synced", lambda frame: changed(frame, "data.complete", True)),
    ),
    "miscounts": ("counts_what_is_unread", only("ack", miscounting)),
    "counts no mentions of edits": ("counts_whom_an_edit_names", only("ack", without_mentions)),
    "takes a thread for the conversation": (
        "reads_threads_apart",
        lambda: Asking(lambda frame: changed(frame, "data.thread", None) if reads(frame) else [frame]),
    ),
    "loses a row of the user lane": (
        "keeps_a_lane_for_each",
        only("inbox:changed", lambda frame: [] if frame["n"] == 2 else [frame]),
    ),
    "shows what is hidden": (
        "hides_for_one_alone",
        lambda: Asking(lambda frame: changed(frame, "type", "conversation:archive") if hides(frame) else [frame]),
    ),
    "distinguishes presentations of an emoji": (
        "takes_what_looks_alike_for_one",
        lambda: Asking(distinguishing_presentations),
    ),
    "lets one member use up a message": ("lets_nobody_use_up_a_message", lambda: Asking(used_up)),
    "lets no user who left delete their message": ("lets_who_left_take_back", lambda: Asking(holding_on)),
    "keeps pins of deleted messages": ("lets_go_of_what_is_deleted", clinging),
    "loses a returning user": ("brings_back_who_left", only("conversation:updated", dead)),
    "brings back who left by a send that it refuses": (
        "brings_nobody_back_for_nothing",
        writing_first(lambda frame: not (frame["data"]["text"] or "").strip()),
    ),
    "brings back who left by a repeat": (
        "brings_nobody_back_for_nothing",
        writing_first(lambda frame: frame.get("retry") is True),
    ),
    "opens a group for each who opens it": ("lets_one_alone_open_what_everybody_left", open_to_all),
    "opens another group in the place of one that was left": ("opens_what_everybody_left", open_to_all),
    "has one space for all names": ("keeps_names_apart", lambda: Asking(shared)),
    "shows a user's name as an application's": ("keeps_names_apart", only("ack", without_users)),
    "knows no ranks": ("keeps_ranks", lambda: Asking(without_ranks)),
    "adds users who left themselves": ("lets_people_stay_out", lambda: Asking(dragging)),
    "opens earlier messages without a notification": (
        "shows_what_was_said_before",
        only("conversation:updated", silent_about_history),
    ),
    "counts notes to oneself as unread": ("is_with_oneself", only("ack", counts_notes)),
    "shows newcomers earlier messages": (
        "sets_edges_behind_what_was_said",
        only("ack", shown_to_newcomers),
    ),
    "hides the last message from a user who left": ("sets_edges_behind_what_was_said", only("ack", cut_short)),
    "answers with the list before": ("answers_with_what_was_acknowledged", stale),
    "reveals the author of a message from before": (
        "conceals_what_is_not_ones_own_to_read",
        only("error", checking_the_author_first),
    ),
    "returns all participants at once": ("pages_who_is_in_it", lambda: Asking(without_pages)),
    "returns too large an answer": ("pages_who_is_in_it", only("ack", large)),
    "answers one sync": ("answers_reads_asked_together", Forgetful),
    "lists by id": ("lists_by_activity", only("ack", by_id)),
    "lists nobody's name": ("lists_what_a_list_shows", only("ack", without_others)),
    "never unarchives by a message": ("brings_back_what_was_put_away", lambda: Asking(keeping_archived)),
    "ignores keep_archived": ("brings_back_what_was_put_away", lambda: Asking(keeping_nothing)),
    "pins nothing": (
        "lists_what_is_pinned_first",
        lambda: Asking(lambda frame: changed(frame, "type", "conversation:unmute") if pins(frame) else [frame]),
    ),
    "orders pinned conversations by activity": ("lists_what_is_pinned_first", only("ack", by_activity)),
    "counts no answers": ("counts_answers", only("ack", without_threads)),
    "counts later answers for a user who left": ("counts_answers", remembering_threads),
    "lists no left conversations": ("lists_what_a_list_shows", lambda: Asking(always_present)),
    "names another reader": ("tells_who_got_and_read_it", only(CURSORS, naming_another_reader)),
    "pushes private reads": ("tells_who_got_and_read_it", lambda: Asking(indiscreet)),
    "pushes cursors of the last hundred messages only": (
        "tells_it_however_much_was_said_since",
        only(CURSORS, reporting_the_last_hundred),
    ),
    "keeps no cursors": ("tells_it_however_much_was_said_since", only("ack", without_cursors)),
    "shows cursors of users who left": ("conceals_how_far_those_who_left_read", only("ack", without_cursors)),
    "does not wait": ("waits_for_a_level", only("ack", accepted)),
    "shows a user who left as typing": ("shows_who_types", only("typing", still_typing)),
    "pushes no typing": ("shows_who_types", only("typing", lambda frame: [])),
    "shows everybody as online": (
        "shows_who_is_there",
        only("presence", lambda frame: changed(frame, "data.status", "online")),
    ),
    "mentions by the beginning of a name": (
        "mentions_whom_a_text_names",
        only("message:new", mentioning),
    ),
    "keeps a caption": (
        "takes_a_caption_away",
        only("message:edited", lambda frame: changed(frame, "data.text", frame["data"]["text"] or "caption")),
    ),
    "accepts an invisible text": ("refuses_what_cannot_be_seen", lambda: Asking(seen)),
    "changes large numbers": ("keeps_numbers_or_refuses_them", lambda: Asking(rounding)),
    "accepts small frames only": ("takes_a_text_in_any_encoding", Narrow),
    "finds what it has found before": ("finds_what_is_said_now", remembering),
    "finds nothing for a user added later": ("finds_what_one_may_read", only("ack", showing_less)),
    "knows ASCII alone": (
        "finds_every_script",
        searching(lambda data: {"text": data["text"] if data["text"].isascii() else "x"}),
    ),
    "ignores prefix": ("finds_every_script", searching(lambda _: {"prefix": False})),
    "has one page": ("pages_a_search", only("ack", ending)),
    "accepts every cursor": (
        "pages_a_search",
        searching(lambda data: {"after": None} if data.get("limit") is None else {}),
    ),
    "accepts any number of words": (
        "bounds_searches",
        searching(lambda data: {"text": " ".join(data["text"].split()[:32])}),
    ),
    "says that a conflict may be retried": (
        "holds_to_the_first_body",
        only("error", lambda frame: changed(frame, "error.retry", True)),
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_node_that_breaks_a_rule_is_found(up: Up, lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "TIMEOUT_S", 2.0)  # the checks wait for frames that never arrive
    name, between = LIES[lie]
    async with proxied(up.url, up.socket_url, between) as proxy:
        (result,) = await held(up, [name], proxy.socket_url)
    assert not result.holds, f"a node that {lie} passes {name}"


async def test_unchanged_frames_break_no_rule(up: Up) -> None:
    async with proxied(up.url, up.socket_url, Straight) as proxy:
        results = await held(up, ["tells_everyone", "brings_what_was_missed", "bounds_frames"], proxy.socket_url)
    assert [(result.name, result.why) for result in results if not result.holds] == []
