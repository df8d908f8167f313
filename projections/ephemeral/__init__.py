"""The bus, node registry, presence store, cache and limits, in process and on Redis."""
