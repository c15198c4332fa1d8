"""What every stage knows of a face: its mesh, its pose, the basis of its expressions."""
