"""Runs processors: reads the log, decodes records, works batches, carries out effects."""
