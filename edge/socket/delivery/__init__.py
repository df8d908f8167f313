"""Delivers pushes to the subscribers of a node and recovers gaps: hub, node registration, sync, head polling."""
