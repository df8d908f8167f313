"""The domain rules and the ports; no I/O."""
