"""The language everyone speaks: commands, events, frames, errors, topics and ids; imports nothing of ours."""
