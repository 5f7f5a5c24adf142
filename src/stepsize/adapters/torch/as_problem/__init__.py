"""A torch module as a problem of the laboratory."""
