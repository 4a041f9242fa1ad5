"""Chatwork's side of the world: payloads, markup, client, limits, simulator."""
