"""One file per aggregate, each in the same order: state, evolve, decide."""
