"""Write the audit log."""
