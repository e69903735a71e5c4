"""Forms of identifiers, one file each, found by file name. Each defines FORMAT: what stays of one, and what is secret.

The secret part is a number below a size that the form alone decides; any such number makes a valid identifier again.
"""
