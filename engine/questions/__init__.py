"""Questions: what is one, who could answer, what is said."""
