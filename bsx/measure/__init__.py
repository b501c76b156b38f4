"""Measurements of the machine and of gradients; statistics are made of them elsewhere."""
