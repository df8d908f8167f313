"""Keep the signed checkpoints of the audit log."""
