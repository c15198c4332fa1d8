"""When things are due: clocks, queues that stay short, and meters, free of sockets and threads."""
