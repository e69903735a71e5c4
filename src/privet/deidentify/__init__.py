"""Find identifiers, treat them by a policy, and measure how easily people can still be told apart.

A de-identified table has no guarantee: it leaves only by a claim that says so, where the account allows it.
"""
