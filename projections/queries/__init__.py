"""The read side: answers queries from the read models, for socket, search, compliance and console."""
