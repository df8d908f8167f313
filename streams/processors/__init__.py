"""One processor per read model: look up, fold, save, say what to emit."""
