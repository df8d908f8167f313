"""The read model of conversations: members, and the changes that clients are sent."""
