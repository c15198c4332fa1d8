"""Trust: whose face an avatar is, and marks by which what it shows is known for what it is."""
