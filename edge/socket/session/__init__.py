"""One client on its node: its protocol state and what it waits for."""
