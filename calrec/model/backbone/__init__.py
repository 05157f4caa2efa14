"""The decoder-only transformer, its config and its caches."""
