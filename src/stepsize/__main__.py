"""`python -m stepsize`, the same as `stepsize`."""

from .cli.start import main

main()
