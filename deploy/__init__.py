"""Deployment of CAAS: images, clusters, and the servers of one development machine."""
