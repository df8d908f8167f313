"""The protocol from a program's side: commands in order, pushes each once, and a line that comes back by itself."""
