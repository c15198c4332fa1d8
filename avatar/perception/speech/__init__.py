"""Audio in, speech features out: preprocessing, log-mel frames, level and voice activity."""
