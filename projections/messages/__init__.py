"""The read model of messages: rows, numbering, and what a reader sees."""
