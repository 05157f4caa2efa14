"""The model: backbone, objective, checkpoints, embeddings."""
