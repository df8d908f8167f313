"""The real servers as plain processes on loopback ports, for development, outage tests and CI without containers."""
