"""The clients, for applications."""
