"""A node's view of who is a member of which conversation."""
