"""WebRTC below the call: one connection's negotiation, media, and messages."""
