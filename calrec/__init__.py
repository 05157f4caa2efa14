"""The model package: items as text, the decoder, the sampler, the ranking, the recommenders."""
