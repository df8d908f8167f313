"""The shared language: commands, events, frames, errors, topics and ids; imports no other package of ours."""
