"""Identify users: development and SDK tokens."""
