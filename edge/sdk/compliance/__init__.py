"""The audit log's client for other Python services."""
