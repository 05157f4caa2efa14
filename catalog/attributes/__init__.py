"""What the texts of attributes mean: levels of categories, numbers of prices, tidy text."""
