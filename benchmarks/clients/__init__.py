"""Other people's WebRTC clients, each in a process of its own, that call a real server."""
