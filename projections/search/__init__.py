"""Where text is found: memory (the reference), FTS5, Elasticsearch."""
