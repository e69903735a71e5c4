"""Models of anonymity, one file each."""
