"""Prepared histories as tokens, and batches of them as pure functions of (seed, step)."""
