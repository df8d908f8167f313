"""This package rebuilds read models beside the live ones: replay, compare, switch, verify."""
