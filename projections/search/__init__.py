"""The search read model, and search indexes: memory (the reference), FTS5, Elasticsearch."""
