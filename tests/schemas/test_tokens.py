"""What the gateway says over HTTP is what the language says it does."""

import msgspec
import pytest

from edge.gateway import app, problems
from schemas.tokens import ProblemDocument, TokenAnswer, TokenRequest

PAIRS = [(app.TokenRequest, TokenRequest), (app.TokenAnswer, TokenAnswer), (problems.Document, ProblemDocument)]


def shape(struct: type[msgspec.Struct]) -> dict[str, bool]:
    """Each field, and whether it must be there."""
    return {field.encode_name: field.required for field in msgspec.structs.fields(struct)}


@pytest.mark.parametrize(("spoken", "said"), PAIRS, ids=str)
def test_the_gateway_speaks_as_its_document_says(spoken: type[msgspec.Struct], said: type[msgspec.Struct]) -> None:
    assert shape(spoken) == shape(said)


def test_a_token_says_how_to_use_it() -> None:
    token = TokenAnswer(token="t", expires_in=900, socket_urls=["ws://127.0.0.1:3002/socket"])
    assert msgspec.to_builtins(token)["token_type"] == "Bearer"
    assert msgspec.json.decode(b'{"user_id": "ann"}', type=TokenRequest) == TokenRequest(user_id="ann")
