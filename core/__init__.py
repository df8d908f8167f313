"""The rules and the ports; no I/O."""
