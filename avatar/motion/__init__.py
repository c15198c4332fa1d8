"""Motion: one composer, and the sources of motion around it."""
