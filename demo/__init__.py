"""The inspection page: what the recommender reads, what it writes, and why an item wins."""
