"""Read models: pure folds of the log, and the adapters of the stores."""
