"""Chance of two kinds: noise that protects, made only at the gate, and simulation that protects nothing."""
