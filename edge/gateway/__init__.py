"""The HTTP service: tokens and health."""
