# Generated from schemas/wire/__init__.py by `python -m schemas.export`: do not edit.
"""The data that clients and nodes exchange: frames, answers, errors and views."""
