"""Exports the schemas as AsyncAPI, OpenAPI and JSON Schema; `python -m schemas.export` writes the files."""
