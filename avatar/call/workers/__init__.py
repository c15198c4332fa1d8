"""Calls in processes of their own: one interpreter has time for two, whatever the machine."""
