"""What the Embeddings page shows: plots, and words around them."""
