"""One suite per port, run on every adapter: a test module is a fixture and a subclass."""
