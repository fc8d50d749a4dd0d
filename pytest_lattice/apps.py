"""What answers behind the targets of one network, made when first called.

Hooks are asked when a target is declared, and what they leave must be recognized
then; apps are wrapped, and their event loop is opened, only when a request comes.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from pytest_lattice.errors import HIDE, advised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import ExitStack

    from pluggy import HookRelay

    from pytest_lattice.clock import Clock
    from pytest_lattice.model.target_group import Target, TargetGroup
    from pytest_lattice.targets.base import AppTarget
    from pytest_lattice.targets.lambda_event import LambdaSettings
    from pytest_lattice.targets.loop import AppLoop

__tracebackhide__ = HIDE

TargetKey: TypeAlias = tuple[str, str, int | None]
#: What a test registered, and what answers for it.
_Bound: TypeAlias = "tuple[object, AppTarget]"
# Those of `AppTarget`; looked for on the type, so that a mock is not taken for one.
_METHODS = ("call", "acall", "close")


def target_key(group: TargetGroup, target: Target) -> TargetKey:
    """Tell one registration from every other."""
    return (group.arn, target.id, target.port)


def _is_target(app: object) -> TypeGuard[AppTarget]:
    """Tell an object that answers by itself from an app."""
    kind = type(app)
    return all(callable(getattr(kind, name, None)) for name in _METHODS)


class Apps:
    """The apps of one network, by target.

    Args:
        clock: the network's clock, which Lambda handlers see.
        raise_exceptions: whether exceptions of apps go through to the caller.
        lambda_settings: what to choose for Lambda functions where AWS is silent.
        hook: asked first what an object is; None where there are no plugins.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        raise_exceptions: bool,
        lambda_settings: LambdaSettings | None,
        hook: HookRelay | None,
    ) -> None:
        """Hold no app yet."""
        self._clock = clock
        self._raise = raise_exceptions
        self._settings = lambda_settings
        self._hook = hook
        self._apps: dict[TargetKey, _Bound] = {}
        # Those whose targets have other apps now; they are closed with the network.
        self._retired: list[AppTarget] = []
        self._loop: AppLoop | None = None
        self._lock = Lock()

    def recognize(
        self,
        before: Iterable[TargetGroup],
        after: Iterable[TargetGroup],
        undo: ExitStack,
    ) -> dict[TargetKey, _Bound]:
        """Ask the hooks about new targets, and recognize the others.

        Args:
            before: the target groups as they are declared.
            after: as they will be.
            undo: gets what closes the apps again, should the change fail.

        Returns:
            What the hooks made; `keep` it when all went well.

        Raises:
            ConfigurationError: an object that is no app.
        """
        from pytest_lattice.targets.recognize import recognize

        made: dict[TargetKey, _Bound] = {}
        for group, target in _new_targets(before, after):
            app = target.app if _is_target(target.app) else None
            if app is None and self._hook is not None:
                app = self._hook.pytest_lattice_make_target(obj=target.app)
            if app is None:
                recognize(target.app, group)
            else:
                made[target_key(group, target)] = (target.app, app)
                undo.callback(app.close)
        return made

    def keep(self, made: Mapping[TargetKey, _Bound]) -> None:
        """Take over what the hooks made."""
        with self._lock:
            for key, bound in made.items():
                self._bind(key, bound)

    def of(self, group: TargetGroup, target: Target) -> AppTarget:
        """Return what answers for a target, made when first asked for.

        Raises:
            ConfigurationError: no app is bound to it.
        """
        key = target_key(group, target)
        with self._lock:
            bound = self._apps.get(key)
            if bound is None or bound[0] is not target.app:
                bound = self._bind(key, (target.app, self._make(group, target)))
            return bound[1]

    def _bind(self, key: TargetKey, bound: _Bound) -> _Bound:
        """Let an app answer for a target from now on; the lock is held."""
        # Requests in flight finish, and no server is stopped by a registration.
        if (old := self._apps.get(key)) is not None:
            self._retired.append(old[1])
        self._apps[key] = bound
        return bound

    def _make(self, group: TargetGroup, target: Target) -> AppTarget:
        from pytest_lattice.targets.loop import AppLoop
        from pytest_lattice.targets.recognize import make_target

        if target.app is None:
            raise advised(
                f"target `{target.id}` of target group `{group.name}` has no app",
                'bind one with targets=[app], or ask for targets="echo"',
            )
        if self._loop is None:
            self._loop = AppLoop()
        return make_target(
            target.app,
            group,
            loop=self._loop,
            raise_exceptions=self._raise,
            now=lambda: self._clock.microseconds,
            settings=self._settings,
            follow=self._clock.follow,
        )

    def are_here(self) -> bool:
        """Tell whether it is an async app that runs in the calling thread."""
        return self._loop is not None and self._loop.is_here()

    def close(self, stack: ExitStack) -> None:
        """Let a stack close each app, and then their loop.

        Args:
            stack: closes each even if one before raises, the last one first.
        """
        with self._lock:
            apps = [*self._retired, *(app for _, app in self._apps.values())]
            self._apps, self._retired = {}, []
        if self._loop is not None:
            stack.callback(self._loop.close)
        # One object may answer for several targets.
        for app in {id(each): each for each in apps}.values():
            stack.callback(app.close)


def _new_targets(
    before: Iterable[TargetGroup], after: Iterable[TargetGroup]
) -> Iterator[tuple[TargetGroup, Target]]:
    """List the targets with an app that they did not have before."""
    known = {group.arn: group for group in before}
    for group in after:
        old = known.get(group.arn)
        if old is group:
            continue
        bound = {
            target_key(group, each): each.app
            for each in (old.registered if old is not None else ())
        }
        for target in group.registered:
            if target.app is None:
                continue
            if bound.get(target_key(group, target)) is not target.app:
                yield group, target
