"""Perception: one face tracked through a camera's frames, and features of speech."""
