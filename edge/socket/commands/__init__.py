"""Carries out the commands, queries and signals of clients."""
