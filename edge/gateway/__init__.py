"""Serve HTTP: tokens, the JavaScript client and health."""
