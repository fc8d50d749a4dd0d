"""The hooks that plugins implement, and how they are called without pytest."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy
import pytest

from pytest_lattice import LatticeNetwork, hookspecs
from pytest_lattice.hookspecs import own_hooks
from tests.model.refusals import refused

if TYPE_CHECKING:
    from pytest_lattice import Exchange

HOOKS = {
    "pytest_lattice_configure": ["network"],
    "pytest_lattice_exchange": ["network", "exchange"],
    "pytest_lattice_make_target": ["obj"],
}
hookimpl = pluggy.HookimplMarker("pytest")
# The hooks are called with whatever the test likes; they do not look at it.
NETWORK: Any = "network"


def test_hooks_and_their_arguments() -> None:
    """There are three hooks; a plugin may leave out arguments that it does not need."""
    found = {
        name: list(inspect.signature(getattr(hookspecs, name)).parameters)
        for name in vars(hookspecs)
        if name.startswith("pytest_")
    }

    assert found == HOOKS


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_known_to_pytest(name: str, pytestconfig: pytest.Config) -> None:
    """The plugin declares its hooks to pytest's own plugin manager."""
    caller = getattr(pytestconfig.hook, name)

    assert caller.spec is not None
    assert caller.spec.function is getattr(hookspecs, name)


@pytest.mark.parametrize("name", HOOKS)
def test_only_a_target_is_made_once(name: str) -> None:
    """All plugins are told and asked, except that the first target wins."""
    options = getattr(hookspecs, name).pytest_spec

    assert options["firstresult"] is (name == "pytest_lattice_make_target")
    assert options["historic"] is False


class Marked:
    """A plugin with marks, which may say more than a name."""

    def __init__(self, name: str, said: list[str]) -> None:
        self.name = name
        self.said = said

    @hookimpl(tryfirst=True)
    def pytest_lattice_configure(self) -> None:
        """Take no argument at all."""
        self.said.append(self.name)

    @hookimpl(specname="pytest_lattice_exchange")
    def seen(self, exchange: Exchange) -> None:
        """Go by another name; it is not taken for a hook without it."""
        self.said.append("seen")


class Plain:
    """A plugin without marks, as a conftest.py has it."""

    pytest_lattice_version = "an attribute, not a hook"

    def __init__(self, name: str, said: list[str]) -> None:
        self.name = name
        self.said = said

    def pytest_lattice_configure(self, network: LatticeNetwork) -> None:
        """Keep what it was called with."""
        self.said.append(f"{self.name} {network}")

    def pytest_runtest_setup(self) -> None:
        """Be a hook of pytest, which is not called here."""
        self.said.append("never")


def test_plugins_need_no_mark() -> None:
    """A hook is found by its name, as pytest finds it; marks are heeded."""
    said: list[str] = []
    hooks = own_hooks(
        [Marked("first", said), Plain("second", said), Plain("third", said)]
    )

    hooks.pytest_lattice_configure(network=NETWORK)

    assert said == ["first", "third network", "second network"]


def test_module_is_a_plugin() -> None:
    """A module with functions is a plugin as good as an object."""
    module = ModuleType("my_plugin")
    vars(module)["pytest_lattice_make_target"] = lambda obj: obj * 2

    assert own_hooks([module]).pytest_lattice_make_target(obj=21) == 42


def test_nobody_makes_a_target() -> None:
    """Where no plugin knows an object, there is no target."""

    class Declines:
        def pytest_lattice_make_target(self) -> None:
            """Leave it to others."""

    assert own_hooks([Declines()]).pytest_lattice_make_target(obj=1) is None


def test_misspelled_hook_is_refused() -> None:
    """A hook that does not exist would never be called."""

    class Misspelled:
        def pytest_lattice_exchanges(self) -> None:
            """Wait forever."""

    with pytest.raises(
        pluggy.PluginValidationError, match=r"unknown hook 'pytest_lattice_exchanges'"
    ):
        own_hooks([Misspelled()])


def test_plugins_are_a_list() -> None:
    """One plugin alone is told how to be given."""
    assert refused(LatticeNetwork, plugins="x") == [
        "network: plugins is not a list",
        "write ['x']",
    ]


def test_wrong_argument_is_refused() -> None:
    """An argument that a hook does not have is a mistake of the plugin."""

    class Wrong:
        def pytest_lattice_configure(self, net: LatticeNetwork) -> None:
            """Ask for what nobody gives."""

    with pytest.raises(pluggy.PluginValidationError, match="net"):
        own_hooks([Wrong()])
