"""Publish, subscribe to and push who is online and who types."""
