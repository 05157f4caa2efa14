"""The pages, one module or package each: its layout, and what its events do."""
