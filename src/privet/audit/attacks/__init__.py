"""Attacks, one file each, found by file name. Each defines ATTACK: a score that is higher for likely members."""
