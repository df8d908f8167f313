"""Describes the gateway's routes as an OpenAPI document: how an application gets a token for one of its users."""

from typing import Any, Final

from schemas.export import json_schema
from schemas.export.asyncapi_log import VERSION
from schemas.wire.tokens import (
    APP_KEY,
    APP_SECRET,
    PROBLEM_JSON,
    TOKEN_PATH,
    ProblemDocument,
    TokenAnswer,
    TokenRequest,
)

OPENAPI: Final = "3.1.0"
ANSWERS: Final = {
    "400": "The body is not JSON.",
    "401": "The application's key or secret is missing or wrong.",
    "413": "The body is too large.",
    "422": "`user_id` is missing or not valid.",
}
_SCHEMAS: Final = "#/components/schemas/"


def document() -> dict[str, Any]:
    """Return the whole document."""
    return {
        "openapi": OPENAPI,
        "info": {"title": "CAAS gateway", "version": VERSION},
        "servers": [{"url": "http://127.0.0.1:3000"}],
        "paths": {TOKEN_PATH: {"post": _token_operation()}},
        "components": {
            "schemas": json_schema.components((TokenRequest, TokenAnswer, ProblemDocument), _SCHEMAS),
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": APP_KEY},
                "secret": {"type": "apiKey", "in": "header", "name": APP_SECRET},
            },
        },
    }


def _token_operation() -> dict[str, Any]:
    problems = {
        status: {"description": what, "content": _content(PROBLEM_JSON, ProblemDocument)}
        for status, what in ANSWERS.items()
    }
    return {
        "operationId": "askToken",
        "summary": (TokenRequest.__doc__ or "").strip(),
        "security": [{"key": [], "secret": []}],
        "requestBody": {"required": True, "content": _content("application/json", TokenRequest)},
        "responses": {
            "200": {"description": "A token.", "content": _content("application/json", TokenAnswer)},
            **problems,
        },
    }


def _content(media_type: str, kind: type) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": f"{_SCHEMAS}{kind.__name__}"}}}
