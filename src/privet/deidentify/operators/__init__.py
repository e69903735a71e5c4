"""Operators, one file each, found by file name. Each defines OPERATOR: a frozen class whose fields are its settings.

``apply(column, key=...)`` takes and gives a pandas Series; cells that are missing stay missing.
"""
