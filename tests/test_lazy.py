import sys
import types

import pytest

from keras_attn.lazy import lazy_exports


@pytest.fixture
def package(monkeypatch):
    """A package `shop`: its sub-package `tools`, and `Hammer`, which `tools` defines."""
    shop, tools = types.ModuleType("shop"), types.ModuleType("shop.tools")
    tools.Hammer = type("Hammer", (), {})
    homes = {"tools": "shop.tools", "Hammer": "shop.tools", "Saw": "shop.saws"}
    shop.__getattr__, shop.__dir__, shop.__all__ = lazy_exports("shop", homes)
    monkeypatch.setitem(sys.modules, "shop", shop)
    monkeypatch.setitem(sys.modules, "shop.tools", tools)
    return shop


def test_names_resolve_on_first_use(package):
    assert "Hammer" not in vars(package) and "tools" not in vars(package)
    assert package.Hammer is sys.modules["shop.tools"].Hammer
    assert package.tools is sys.modules["shop.tools"]


def test_names_are_looked_up_once(package, monkeypatch):
    hammer = package.Hammer
    monkeypatch.delitem(sys.modules, "shop.tools")
    assert package.Hammer is hammer


def test_listing_imports_nothing(package):
    assert package.__all__ == ["Hammer", "Saw", "tools"]
    assert {"Hammer", "Saw", "tools", "__name__"} <= set(dir(package))
    assert "Hammer" not in vars(package)


def test_unknown_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="module 'shop' has no attribute 'Nail'"):
        _ = package.Nail
    assert not hasattr(package, "Nail")


def test_failing_import_tells_its_own_error(package):
    with pytest.raises(ModuleNotFoundError, match=r"shop\.saws|not a package"):
        _ = package.Saw
