"""Rules: which way to go, from the gradient and what is remembered of it; one paper, one file."""
