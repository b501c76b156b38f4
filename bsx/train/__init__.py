"""Trainers: the plain loop (read it first) and the lanes, under one contract.

A trainer takes a Group and yields tuples of records; those of a tuple are stored together or not
at all.
"""
