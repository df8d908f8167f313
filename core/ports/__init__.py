"""What the core asks of the world, each port on one page with its guarantees in words."""
