"""The read model of messages: rows, numbering, and readers' views."""
