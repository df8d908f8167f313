"""Exports the language as AsyncAPI, OpenAPI and JSON Schema; `python -m schemas.export` writes the files."""
