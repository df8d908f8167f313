"""Serve sockets as bytes: server, connections, outgoing and incoming frames, admission."""
