"""Pictures of people who do not exist, rendered from a 3D morphable head in plain numpy and OpenCV."""
