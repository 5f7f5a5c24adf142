"""What to write instead of a text that cannot be read: loaded when an error needs it, never before."""
