"""Wire the system: the composition root, the only package that names concrete adapters."""
