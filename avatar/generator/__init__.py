"""The generator: photos enrolled as an identity, and pictures of it in any motion, by a photo warp and a network."""
