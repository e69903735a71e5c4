"""Recognisers, one file each, found by file name. Each defines RECOGNISER."""
