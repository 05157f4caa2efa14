"""What a `Recommendation` shows of itself, part by part: pure functions to HTML and figures."""
