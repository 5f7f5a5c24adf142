"""Studies: a folder of trials that grows, shared by processes, and the plans that ask for them."""
