"""bsx, the batch-size explorer."""

__version__ = "0.1.0"
