"""The HTTP application: the page, the avatars, calls by WHIP, and who may ask for what."""
