"""Members: who is here, and how they respond."""
