"""Encryption at rest and in transit: files, keys, passphrases, certificates.

The vault hides data from those who lack a key. It gives no privacy guarantee about what a key's holder learns.
"""
