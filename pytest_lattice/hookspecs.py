"""The hooks that other plugins may implement, through pluggy.

Under pytest they go through pytest's own plugin manager, so a ``conftest.py`` can
implement them; outside pytest, pass plugins to `LatticeNetwork`.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.network import LatticeNetwork
    from pytest_lattice.targets.base import AppTarget

_hookspec = pluggy.HookspecMarker("pytest")


@_hookspec
def pytest_lattice_configure(network: LatticeNetwork) -> None:
    """Prepare a service network before the test gets it.

    Args:
        network: new and empty; add to it what every test should find.
    """


@_hookspec
def pytest_lattice_exchange(network: LatticeNetwork, exchange: Exchange) -> None:
    """See each request after its last byte.

    Args:
        network: where it happened.
        exchange: the request, the decision and the response.
    """


@_hookspec(firstresult=True)
def pytest_lattice_make_target(obj: object) -> AppTarget | None:
    """Recognize an object given as a target; the first answer wins.

    Args:
        obj: what stands in ``TargetGroup(targets=[obj])``.

    Returns:
        What answers requests, or None to leave it to others.
    """


class _OwnHooks(pluggy.PluginManager):
    """Takes a function for one of our hooks by its name, as pytest does."""

    def parse_hookimpl_opts(
        self, plugin: object, name: str
    ) -> pluggy.HookimplOpts | None:
        options = super().parse_hookimpl_opts(plugin, name)
        hook = (options and options["specname"]) or name
        if not hook.startswith("pytest_lattice_"):
            return None  # one of pytest's own hooks, which nobody calls here
        if options is None and inspect.isroutine(getattr(plugin, name)):
            options = pluggy.HookimplOpts(
                wrapper=False,
                hookwrapper=False,
                optionalhook=False,
                tryfirst=False,
                trylast=False,
                specname=None,
            )
        return options


def own_hooks(plugins: Iterable[object]) -> pluggy.HookRelay:
    """Make the hooks callable outside pytest, on a plugin manager of their own.

    Args:
        plugins: objects or modules that implement some of the hooks.

    Raises:
        pluggy.PluginValidationError: a hook that does not exist, or an argument.
        ConfigurationError: one plugin in place of a list.
    """
    from pytest_lattice.model.value import listed

    own = _OwnHooks("pytest")
    own.add_hookspecs(sys.modules[__name__])
    for plugin in listed(plugins, "network", "plugins"):
        own.register(plugin)
    own.check_pending()
    return own.hook
