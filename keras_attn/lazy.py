"""Names of a package that are imported on first use, so that help and light tools wait for no TensorFlow."""

import importlib
import sys


def lazy_exports(package, homes):
    """Makes the three module attributes of a package whose names load on first use (PEP 562).

    Args:
        package: Name of the package, its `__name__`.
        homes: Dict of exported name -> module that defines it; the module's own name for a sub-package.

    Returns:
        `__getattr__`, `__dir__` and `__all__` for the package.

    Example:
        >>> from keras_attn.lazy import lazy_exports
        >>> get, names, exported = lazy_exports("keras_attn", {"OrderedDict": "collections"})
        >>> get("OrderedDict").__name__, exported
        ('OrderedDict', ['OrderedDict'])
    """

    def get(name):
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(homes[name])
        value = module if homes[name] == f"{package}.{name}" else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def names():
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names, sorted(homes)
