"""The catalogue as HTML: the list and its filters, one item, the shop in numbers."""
