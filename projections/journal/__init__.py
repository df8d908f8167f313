"""The journal of batches: when which processor applied which records; operational, no read model."""
