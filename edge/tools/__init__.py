"""Programs about the system: benchmarks, conformance suite, playback. Only the command line imports them."""
