"""Run a process of the system: start, logs, secrets, signals and stop."""
