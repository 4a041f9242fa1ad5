"""The command line, one module for each noun; `engine/cli.py` lists them."""
