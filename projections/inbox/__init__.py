"""The read model of inboxes: each user's private state of conversations."""
