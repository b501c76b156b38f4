"""A sweep as one HTML file: ``bsx report``.

What it is made of stands in :mod:`parts`. Some files compute plain plot descriptions
(:mod:`plots`), one draws them (:mod:`svg`), and :mod:`page` puts it all in order. Nothing is
fetched, and every text goes through :mod:`markup`, which escapes it.
"""
