"""One browser's or program's call, from its offer to its end."""
