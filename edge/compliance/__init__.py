"""Serve compliance officers: the audit log over HTTP."""
