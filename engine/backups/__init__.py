"""Copies of a community, and what an engine does that was put back to one."""
