"""Offers and answers: session descriptions, read and written."""
