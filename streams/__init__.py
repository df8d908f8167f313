"""Who reads the log and how it survives."""
