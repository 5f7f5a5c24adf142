"""Controllers: factors that answer to what training shows; one paper, one file."""
