"""bsx from Python: ``bsx.sweep``, ``bsx.load``, ``bsx.compare`` and ``bsx.calc``.

What the command line can be asked is asked here by keyword arguments of the same names, models and
data may be given as objects, and the answers are frozen dataclasses.

- ``sweep``: train, and come back with a Result
- ``stored``: sweeps that are stored
- ``given``: objects in the place of names; ``identity``: what tells one from another
- ``results``: the Result, its frames and how a notebook shows it
- ``arithmetic``: ``bsx.calc``
- ``settings``: the keyword arguments and their types
- ``keywords``: what was given → what the settings read; messages that name keywords

Each is imported when it is asked for: ``import bsx`` stays light.
"""
