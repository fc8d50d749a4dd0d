"""What the tests of the plugin share: inner pytest runs that have it."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import pytest_lattice

# A run inside this process takes back what it added to `sys.modules`, but not what the
# lazy package remembers of it. So all modules are loaded before, and stay the same.
for module in walk_packages(pytest_lattice.__path__, "pytest_lattice."):
    import_module(module.name)

# A network with a weighted service, which inner test files import.
SHOP = '''
import pytest
from pytest_lattice import Forward, Listener, Service, TargetGroup

WEIGHTS = {"blue": 3, "green": 1}

@pytest.fixture
def shop(lattice_network):
    """A service in front of two target groups."""
    lattice_network.add(
        *(TargetGroup(name, targets="echo") for name in WEIGHTS),
        Service("shop", listeners=[Listener("HTTPS", default=Forward(WEIGHTS))]),
    )
    return lattice_network

@pytest.fixture
def groups(shop):
    """The target groups of twenty requests, in their order."""
    client = shop.client("shop")
    return [client.get("/").json()["target_group"] for _ in range(20)]
'''


@pytest.fixture
def pytester(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
) -> pytest.Pytester:
    """Give a pytester whose inner runs have the plugin, be it installed or not."""
    if not is_installed(pytestconfig):
        options = os.environ.get("PYTEST_ADDOPTS", "")
        monkeypatch.setenv("PYTEST_ADDOPTS", f"{options} -p pytest_lattice.plugin")
        root = Path(pytest_lattice.__file__).parents[1]
        monkeypatch.setenv("PYTHONPATH", str(root))
    return pytester


@pytest.fixture
def lean(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
) -> pytest.Pytester:
    """Give a pytester whose inner runs have no other plugin, so they start sooner."""
    name = "lattice" if is_installed(pytestconfig) else "pytest_lattice.plugin"
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", f"-p {name}")
    return pytester


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    """Give a pytester whose tests can ask for the fixtures `shop` and `groups`."""
    pytester.makeconftest(SHOP)
    return pytester


def is_installed(config: pytest.Config) -> bool:
    """Tell whether pytest found the plugin by its entry point."""
    return bool(config.pluginmanager.has_plugin("lattice"))
