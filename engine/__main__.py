"""`python -m engine` is the command `yuruyuru`."""

from engine.cli import main

main()
