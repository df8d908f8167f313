"""Shared parts of all HTTP services: connections, problems, health, origins and addresses."""
