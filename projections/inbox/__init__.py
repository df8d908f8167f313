"""The read model of inboxes: what one user keeps for themselves."""
