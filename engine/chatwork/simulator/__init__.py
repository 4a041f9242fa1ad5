"""A Chatwork-compatible server over one in-memory world."""
