"""A face for a program of one's own."""
