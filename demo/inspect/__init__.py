"""What the pages show, without a page: usable from a notebook."""
