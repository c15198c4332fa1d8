"""What runs the network: one small protocol, several runtimes behind it."""
