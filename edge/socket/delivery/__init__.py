"""Brings pushes to the right clients and fills gaps: hub, node registration, sync, polling of heads."""
