"""Sound in, speech features out: cleaning and resampling, log-mel frames, level and voice activity."""
