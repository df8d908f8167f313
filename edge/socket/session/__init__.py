"""The session of one client on its node: protocol state, identity, commands in flight."""
