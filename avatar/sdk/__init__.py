"""The SDK: a live face for a program of one's own."""
