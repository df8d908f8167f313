"""Requests and answers of the gateway have their documented form."""

import msgspec

from schemas.wire.tokens import TokenAnswer, TokenRequest


def test_a_token_answer_has_its_scheme() -> None:
    token = TokenAnswer(token="t", expires_in=900, socket_urls=["ws://127.0.0.1:3002/socket"])
    assert msgspec.to_builtins(token)["token_type"] == "Bearer"
    assert msgspec.json.decode(b'{"user_id": "ann"}', type=TokenRequest) == TokenRequest(user_id="ann")
