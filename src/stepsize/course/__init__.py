"""Following an expression through somebody's training: what every framework's adapter stands on."""
