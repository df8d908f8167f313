"""The stores of rows: memory (the reference), SQLite, MongoDB."""
