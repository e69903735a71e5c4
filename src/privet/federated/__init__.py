"""Learning across sites that never pool their rows."""
