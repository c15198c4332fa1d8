"""Talking with the avatar: whose turn it is, what it answers, and how that becomes sound."""
