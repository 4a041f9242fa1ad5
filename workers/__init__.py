"""The jobs that run beside the community: nudge, score, referral, moderation, keeper."""
