"""A run seen while it goes on: files that grow, a page on a local server, a picture in the terminal."""
