"""Measures speed as ratios: our system against a bare counterpart without rules, side by side in one run."""
