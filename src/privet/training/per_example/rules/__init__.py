"""Rules, one file for each family of layers, found by file name. Each defines RULE."""
