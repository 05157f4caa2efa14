"""One optimizer step: packed rows in, losses, one gradient, new weights out; on any mesh."""
