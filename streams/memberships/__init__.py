"""This package keeps a node's view of who is a member of which conversation."""
