"""Conformance suite of the socket protocol for any implementation: checks of nodes, and a proxy that checks clients."""
