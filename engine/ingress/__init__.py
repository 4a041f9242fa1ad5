"""The door: HTTP in, events out."""
