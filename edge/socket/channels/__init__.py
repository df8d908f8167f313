"""Ordered delivery: a conversation's lanes and a user's own lane, each push once and in order."""
