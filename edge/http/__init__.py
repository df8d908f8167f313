"""What all HTTP services share: connections, problems, health, origins and addresses."""
