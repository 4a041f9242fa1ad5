"""What the keeper knows: gaps in the webhooks, and what it tells the admins."""
