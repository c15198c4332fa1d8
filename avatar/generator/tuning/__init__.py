"""Fitting the network to one person (`avatar enroll --tune`), and the lessons that training shares."""
