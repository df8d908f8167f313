"""The read side: answers to queries, computed from the read models for socket, search, compliance and console."""
