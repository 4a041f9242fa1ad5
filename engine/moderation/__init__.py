"""Moderation: what hurts the community, and what is done about it."""
