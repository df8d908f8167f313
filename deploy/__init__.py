"""Everything that runs CAAS somewhere: images, clusters, and the servers of one development machine."""
