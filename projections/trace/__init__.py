"""The read model `trace`: a row for each record of the log, found by its correlation id; ids and sizes, no content."""
