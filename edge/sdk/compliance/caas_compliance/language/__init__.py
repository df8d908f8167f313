# Generated from schemas/__init__.py by `python -m schemas.export`: do not edit.
"""The shared language: commands, events, frames, errors, topics and ids; imports no other package of ours."""
