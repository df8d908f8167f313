"""The socket protocol as a suite that any implementation can be held to: checks of a node, and a proxy for clients."""
