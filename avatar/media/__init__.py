"""Files and raw media: clips, sound, photos, samples, colours."""
