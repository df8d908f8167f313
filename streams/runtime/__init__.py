"""This package runs processors: it reads the log, decodes records, applies batches and emits effects."""
