"""Pictures and sound, encoded and decoded."""
