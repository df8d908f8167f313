"""This package has one processor per read model: it looks up, folds, saves, and returns what to emit."""
