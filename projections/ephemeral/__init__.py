"""The roles Redis plays (cache, bus, presence), in process and on Redis."""
