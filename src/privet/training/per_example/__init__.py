"""Gradients of single examples from one ordinary backward pass; autograd's own weight gradients are switched off."""
