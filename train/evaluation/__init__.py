"""Evaluations: a recommender over the held-out purchases of one domain, and the files of a run."""
