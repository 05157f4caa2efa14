"""The tables of the report, from runs: the paper's layouts, and what the paper does not have."""
