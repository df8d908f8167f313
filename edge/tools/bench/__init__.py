"""Speed as ratios: what our rules cost against the bare way of doing the same, measured side by side in one run."""
