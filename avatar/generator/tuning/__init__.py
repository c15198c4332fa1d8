"""Fitting the network to one person (`avatar enroll --tune`), with the pairs and losses that training shares."""
