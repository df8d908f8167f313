"""The WebSocket service: session, hub, node, server."""
