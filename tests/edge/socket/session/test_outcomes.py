"""Each answer is counted by the name of its request and its outcome; acknowledgments and queries are measured."""

from core.health import Health
from core.ports.tracer import Untraced
from edge.socket.session.outcomes import Outcomes
from edge.socket.session.protocol import CommandReceived
from schemas.commands import Command
from schemas.commands.message import SendMessage
from schemas.commands.queries import ListConversations
from schemas.commands.signals import SetPresence

SEND = SendMessage(conversation_id="room", client_msg_id="1", text="hello")


def received(command: Command, at: float) -> CommandReceived:
    return CommandReceived(command, 7, "c", retry=False, received_at=at)


def test_acknowledgment_is_counted_and_measured_by_its_level() -> None:
    health = Health()
    outcomes = Outcomes(health, lambda: 10.0)
    outcomes.acknowledged(received(SEND, 9.75), "accepted")
    outcomes.acknowledged(received(SEND, 8.0), "delivered")
    outcomes.acknowledged(received(SEND, 9.0), "delivered")
    assert health.counted == {"commands_message:send_ok": 3}
    sums = {name: (sum(one.counts), one.sum) for name, one in health.histograms.items()}
    assert sums == {
        "ack_latency_accepted": (1, 0.25),
        "ack_latency_persisted": (0, 0.0),
        "ack_latency_delivered": (2, 3.0),
        "ack_latency_read": (0, 0.0),
    }


def test_query_is_measured_by_its_name() -> None:
    health = Health()
    Outcomes(health, lambda: 10.0).answered(received(ListConversations(), 9.5))
    assert health.counted == {"commands_conversation:list_ok": 1}
    assert health.histograms["query_latency_conversation:list"].sum == 0.5


def test_signals_and_errors_are_counted() -> None:
    health = Health()
    outcomes = Outcomes(health)
    outcomes.done(received(SetPresence(status="away"), 0.0))
    outcomes.refused(received(SEND, 0.0), "not_a_participant")
    assert health.counted == {"commands_presence:set_ok": 1, "commands_message:send_not_a_participant": 1}


class Noting(Untraced):
    """A tracer that notes what was answered."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, ...]] = []

    def answered(self, name: str, context: str, caller: str, began: float, outcome: str) -> None:
        self.noted.append((name, context, caller, outcome))


def test_every_answer_of_a_request_in_a_trace_is_reported_once() -> None:
    tracer = Noting()
    outcomes = Outcomes(Health(), tracer=tracer)
    traced = received(SEND, 0.0)._replace(traceparent="own", caller="its")
    outcomes.acknowledged(traced, "accepted")
    outcomes.answered(traced._replace(command=ListConversations()))
    outcomes.done(traced._replace(command=SetPresence(status="away")))
    outcomes.refused(traced, "not_a_participant")
    outcomes.acknowledged(received(SEND, 0.0), "accepted")
    assert tracer.noted == [
        ("message:send", "own", "its", "ok"),
        ("conversation:list", "own", "its", "ok"),
        ("presence:set", "own", "its", "ok"),
        ("message:send", "own", "its", "not_a_participant"),
    ]
