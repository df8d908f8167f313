"""From a command to a decision: its ids, the state that it depends on, the event or the rejection."""
