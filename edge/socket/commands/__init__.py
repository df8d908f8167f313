"""Executes the commands, queries and signals of clients."""
