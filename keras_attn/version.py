"""The package's version; setup.cfg holds it."""

from importlib.metadata import version

__version__ = version("keras_attn")
