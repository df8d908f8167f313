"""Serve the people and programs that connect: sockets, HTTP services, clients and the command line."""
