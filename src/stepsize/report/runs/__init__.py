"""Single runs as a page, a picture, and the numbers that both draw."""
