"""Where events lie: memory (the reference), SQLite, Kafka."""
