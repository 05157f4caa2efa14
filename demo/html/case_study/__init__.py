"""Cases of evaluations as HTML and files: the list, one case, and what is exported of them."""
