"""The face model that all stages share: mesh topology, head pose, expression basis, motion limits."""
