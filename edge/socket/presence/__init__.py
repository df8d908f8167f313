"""Who is online and who types: published, subscribed to and pushed."""
