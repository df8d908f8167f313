"""Read models: pure folds of the log, and the stores behind the ports."""
