"""The pages, a folder each: what its address says, its parts, and what its events do."""
