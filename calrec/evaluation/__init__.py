"""Finished evaluations: read, compared, taken apart and laid out as in the paper."""
