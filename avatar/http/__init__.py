"""The parts of the HTTP server that are not about avatars: errors, headers, limits, metrics, documentation."""
