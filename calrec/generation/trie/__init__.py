"""Decoding over a catalogue: every text that comes of it is an item's."""
