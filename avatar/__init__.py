"""A live face for anyone and any bot."""

__version__ = "0.1.0"
