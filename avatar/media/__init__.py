"""Media: files, clips, audio, photos, PCM samples, colour conversion."""
