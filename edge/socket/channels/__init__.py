"""Deliver the lanes of conversations and of users: each push once and in order."""
