"""Serve clients over WebSocket: transport, sessions, commands, delivery and presence."""
