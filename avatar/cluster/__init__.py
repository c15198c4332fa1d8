"""Many machines: replicas of the server that Ray Serve places, and gateways that bring requests to the right one."""
