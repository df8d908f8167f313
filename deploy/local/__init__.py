"""Runs the real servers as processes on loopback ports, for development, outage tests and CI without containers."""
