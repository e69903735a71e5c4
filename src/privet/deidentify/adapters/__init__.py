"""Recognisers of other libraries beside our own; each is imported only where it is asked for."""
