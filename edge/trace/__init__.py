"""The service of those who run the system: what happened to a request."""
