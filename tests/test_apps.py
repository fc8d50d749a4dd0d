"""What answers behind the targets of one network."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from pytest_lattice.apps import Apps, target_key
from pytest_lattice.clock import Clock
from pytest_lattice.errors import ConfigurationError
from pytest_lattice.hookspecs import own_hooks
from pytest_lattice.model.action import Forward
from pytest_lattice.model.service import Listener, Service
from pytest_lattice.model.target_group import Target, TargetGroup
from pytest_lattice.network import LatticeNetwork
from pytest_lattice.targets.echo import EchoTarget
from pytest_lattice.targets.lambda_event import LambdaSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_lattice.targets.function import LambdaContext


def wsgi_app(environ: object, start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer nothing."""
    start_response("204 No Content", [])
    return []


class Closing:
    """A target that tells when it is closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        """Count."""
        self.closed += 1


class Maker:
    """A plugin that makes a target of every object that is a `Closing`."""

    def pytest_lattice_make_target(self, obj: object) -> object:
        """Take the object itself."""
        return obj if isinstance(obj, Closing) else None


def apps(*plugins: object) -> Apps:
    """Hold the apps of a network with plugins."""
    for plugin in plugins:
        # What pluggy's marker would write on the method.
        type(plugin).pytest_lattice_make_target.pytest_impl = {}  # type: ignore[attr-defined]  # as the marker
    hook = own_hooks(plugins) if plugins else None
    return Apps(clock=Clock(), raise_exceptions=True, lambda_settings=None, hook=hook)


def test_an_app_is_made_once() -> None:
    """The same target answers with the same app every time."""
    group = TargetGroup("web", targets=[wsgi_app])
    held = apps()

    assert held.of(group, group.registered[0]) is held.of(group, group.registered[0])


def test_registrations_are_told_apart() -> None:
    """Two targets of one group have keys, and so apps, of their own."""
    group = TargetGroup("web", targets=[wsgi_app, wsgi_app])
    first, second = group.registered

    assert target_key(group, first) != target_key(group, second)


def test_a_target_without_an_app_is_an_error_when_called() -> None:
    """What nothing is bound to can be decided on, but not called."""
    group = TargetGroup("web", targets=[Target()])

    with pytest.raises(ConfigurationError) as caught:
        apps().of(group, group.registered[0])

    target = group.registered[0].id
    assert str(caught.value) == f"target `{target}` of target group `web` has no app"
    assert caught.value.__notes__ == [
        'bind one with targets=[app], or ask for targets="echo"'
    ]


def test_what_is_no_app_is_refused_at_once() -> None:
    """An object that is no app is recognized as such before any request."""
    group = TargetGroup("web", targets=[17])

    with ExitStack() as undo, pytest.raises(ConfigurationError, match="`web`"):
        apps().recognize([], [group], undo)


def test_a_change_that_fails_closes_what_hooks_made() -> None:
    """What a hook made for a change that does not happen is closed again."""
    closing = Closing()
    group = TargetGroup("web", targets=[closing, 17])

    with pytest.raises(ConfigurationError), ExitStack() as undo:
        apps(Maker()).recognize([], [group], undo)

    assert closing.closed == 1


def test_close_closes_each_app_once() -> None:
    """Closing closes what hooks made; closing again closes nothing."""
    closing = Closing()
    group = TargetGroup("web", targets=[closing])
    held = apps(Maker())
    with ExitStack() as undo:
        held.keep(held.recognize([], [group], undo))
        undo.pop_all()

    for _ in range(2):
        with ExitStack() as stack:
            held.close(stack)

    assert closing.closed == 1


def test_lambda_settings_reach_the_handler() -> None:
    """A handler has the timeout that the network's settings give it."""

    def handler(event: object, context: LambdaContext) -> dict[str, object]:
        return {
            "statusCode": 200,
            "body": str(context.get_remaining_time_in_millis()),
        }

    with LatticeNetwork(lambda_settings=LambdaSettings(timeout_ms=1234)) as network:
        network.add(
            TargetGroup("function", type="LAMBDA", targets=[handler]),
            Service("shop", listeners=[Listener("HTTPS", default=Forward("function"))]),
        )
        assert network.client("shop").get("/").text == "1234"


def test_an_object_that_answers_by_itself_is_no_app() -> None:
    """What has the methods of `AppTarget` is taken as the target itself."""
    echo = EchoTarget()
    group = TargetGroup("web", targets=[echo])
    held = apps()
    with ExitStack() as undo:
        held.keep(held.recognize([], [group], undo))
        undo.pop_all()

    assert held.of(group, group.registered[0]) is echo
