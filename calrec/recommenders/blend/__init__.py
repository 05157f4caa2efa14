"""A weighted sum of simple rules; its weights are chosen on purchases before the target."""
