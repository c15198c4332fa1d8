"""What aiortc and aioice do differently for us, connection by connection."""
