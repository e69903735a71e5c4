"""Evidence: what an attacker actually achieves, and how an accuracy may leave.

Attacks and bounds describe; whatever they find on real members leaves only through the gate, as everything does.
"""
