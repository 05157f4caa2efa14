"""From texts to item scores: arrays in, arrays out."""
