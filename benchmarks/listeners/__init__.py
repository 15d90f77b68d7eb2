"""Listener modules that the measured nodes load."""
