"""The laws of the house, held by reading every file of the package as a syntax tree.

`LAWS` lists them. A law takes one module and yields a complaint for each place that
breaks it; `BROKEN` shows for each law a snippet that it catches, `KEPT` snippets that
look similar and are fine. A module that appears is judged without a change here, unless
it stands in no layer yet: then the layer's row in `MAY_IMPORT` is the decision to make.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pytest_lattice"

PURE = frozenset({"model", "auth", "routing", "decision", "errors"})
WINGS = frozenset({"clients", "targets", "logs", "loaders", "assertions", "analysis"})
CORE = frozenset({"decision", "routing", "auth", "model", "errors"})
BELOW_PLUGIN = (
    WINGS
    | CORE
    | {"network", "dataplane", "streams", "entrances", "questions", "apps", "health"}
    | {"clock", "draws", "faults", "history", "live", "rollout"}
)

# Which layers a layer may import beside itself. An arrow that is not here is forbidden,
# so modules on one level (two wings, routing and auth) do not know each other.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "model": frozenset({"errors"}),
    "routing": frozenset({"model", "errors"}),
    "auth": frozenset({"model", "errors"}),
    "decision": CORE - {"decision"},
    **dict.fromkeys(WINGS, CORE),
    "clock": frozenset({"model", "routing", "errors"}),
    "draws": frozenset({"model", "routing", "errors"}),
    "streams": CORE | {"targets", "clock"},
    "dataplane": CORE | {"clients", "targets", "clock", "health", "streams"},
    "questions": CORE | {"clients", "clock"},
    "entrances": CORE | {"clients", "questions", "clock"},
    "apps": CORE | {"targets", "clock"},
    "faults": CORE | {"targets", "clock"},
    "health": CORE | {"targets", "clock"},
    "history": CORE,
    "live": CORE | {"clients", "questions", "clock"},
    "rollout": CORE | {"clock", "history", "logs"},
    "network": WINGS
    | CORE
    | {"apps", "dataplane", "entrances", "faults", "health", "history", "questions"}
    | {"live", "rollout"}
    | {"clock", "draws", "hookspecs"},
    # For typing only: what the hooks are given.
    "hookspecs": BELOW_PLUGIN,
    "cases": BELOW_PLUGIN,
    "terminal": frozenset(),
    "offer": BELOW_PLUGIN | {"terminal"},
    "serving": BELOW_PLUGIN | {"offer", "terminal"},
    "console": BELOW_PLUGIN | {"cases", "serving", "terminal"},
    "plugin": BELOW_PLUGIN | {"cases", "hookspecs"},
    "__init__": BELOW_PLUGIN,
}

# The world outside: what the pure packages must not see, sub-modules included.
IMPURE = frozenset(
    {
        "asyncio",
        "logging",
        "os",
        "random",
        "secrets",
        "socket",
        "ssl",
        "threading",
        "time",
        "uuid",
    }
)
READS_THE_CLOCK = frozenset({"now", "utcnow", "today"})

# Where a third-party module may appear. An entry that ends in `/` is a whole folder.
THIRD_PARTY: dict[str, tuple[str, ...]] = {
    "aiohttp": ("clients/patches.py",),
    "anyio": ("clients/httpx.py", "targets/"),
    "boto3": ("logs/aws.py", "loaders/boto.py"),
    "botocore": ("logs/aws.py", "loaders/boto.py"),
    "certifi": ("clients/certificates.py",),
    "cryptography": ("auth/sigv4a.py", "clients/certificates.py"),
    "google": ("targets/grpc_testing.py",),
    "grpc": ("clients/grpc", "targets/grpc"),
    "grpc_testing": ("targets/grpc_testing.py",),
    "h11": ("clients/http1.py",),
    "h2": ("clients/http2.py",),
    "httpx": ("clients/httpx.py", "clients/interception.py", "targets/url.py"),
    "httpx2": ("clients/httpx.py", "clients/interception.py", "targets/url.py"),
    "pluggy": ("hookspecs.py", "plugin.py"),
    "pytest": ("hookspecs.py", "plugin.py", "cases/collect.py"),
    "respx": ("clients/interception.py",),
    "trustme": ("clients/certificates.py",),
    "uvloop": ("clients/patches.py",),
    "yaml": ("loaders/",),
}
# Signatures may name the real client types anywhere that hands such a client out.
NAMED_IN_SIGNATURES: dict[str, tuple[str, ...]] = {
    "grpc": ("entrances.py", "plugin.py", "__init__.py"),
    "httpx": ("entrances.py", "network.py", "plugin.py", "__init__.py"),
    "pluggy": ("network.py", "apps.py"),
    "respx": ("entrances.py",),
}
# These import at their head what they are about, because they are themselves imported
# only when they are used; `lazy_edges` holds that.
LAZY_EDGES = frozenset(
    {
        "cases/collect.py",
        "clients/grpc.py",
        "clients/grpc_aio.py",
        "clients/grpc_aio_call.py",
        "clients/grpc_call.py",
        "clients/certificates.py",
        "clients/connection.py",
        "clients/http1.py",
        "clients/http2.py",
        "clients/httpx.py",
        "clients/interception.py",
        "clients/listener.py",
        "clients/loop_thread.py",
        "clients/names.py",
        "clients/patches.py",
        "clients/proxy.py",
        "clients/relay.py",
        "clients/sockets.py",
        "targets/grpc.py",
        "targets/grpc_aio.py",
        "targets/grpc_aio_channel.py",
        "targets/grpc_channel.py",
        "targets/grpc_pull.py",
        "targets/grpc_sync.py",
        "targets/grpc_testing.py",
        "targets/url.py",
    }
)
ENTRY_MODULES = frozenset({"hookspecs.py", "plugin.py"})

Law = Callable[["Module"], Iterator[str]]

ANSWERS_WITH_REASONS = re.compile(r"match|evaluate|decide|resolve")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, and when Python would really import it."""

    target: str
    line: int
    in_function: bool
    for_typing: bool

    @property
    def root(self) -> str:
        """The distribution's or package's own name."""
        return self.target.partition(".")[0]

    @property
    def at_load(self) -> bool:
        """Whether loading the importing module loads this one too."""
        return not self.in_function and not self.for_typing

    @property
    def layer(self) -> str:
        """The part of the house that an import inside it leads to."""
        return [*self.target.split("."), "__init__"][1]

    @property
    def third_party(self) -> bool:
        """Whether it comes neither with Python nor from this package."""
        return self.root not in sys.stdlib_module_names | {"pytest_lattice"}


@dataclass(frozen=True)
class Module:
    """One file of the package: its path inside the package, and its text."""

    path: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.source)

    @cached_property
    def imports(self) -> list[Import]:
        """Everything it imports, wherever the import stands."""
        return list(imports_in(self.tree, self.package))

    @property
    def layer(self) -> str:
        """The part of the house in which it stands."""
        return self.path.partition("/")[0].removesuffix(".py")

    @property
    def package(self) -> tuple[str, ...]:
        """The package that its relative imports start from."""
        return ("pytest_lattice", *self.path.split("/")[:-1])

    def says(self, line: int, complaint: str) -> str:
        """Word a complaint about one line."""
        return f"{self.path}:{line}: {complaint}"


def imports_in(tree: ast.Module, package: tuple[str, ...]) -> Iterator[Import]:
    """Find every import, with what stands around it."""

    def visit(
        node: ast.AST, *, in_function: bool, for_typing: bool
    ) -> Iterator[Import]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for target in targets(node, package):
                yield Import(target, node.lineno, in_function, for_typing)
        in_function |= isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        typed = guarded(node)
        for child in ast.iter_child_nodes(node):
            yield from visit(
                child,
                in_function=in_function,
                for_typing=for_typing or child in typed,
            )

    return visit(tree, in_function=False, for_typing=False)


def guarded(node: ast.AST) -> list[ast.stmt]:
    """Give the statements that only a type checker reads."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in {
        getattr(node.test, "id", None),
        getattr(node.test, "attr", None),
    }:
        return node.body
    return []


def targets(node: ast.Import | ast.ImportFrom, package: tuple[str, ...]) -> list[str]:
    """Name what a statement imports; of `from a import b` that is `a.b`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    above = package[: len(package) - node.level + 1] if node.level else ()
    start = ".".join([*above, *filter(None, [node.module])])
    return [f"{start}.{alias.name}" for alias in node.names]


def listed(path: str, places: tuple[str, ...]) -> bool:
    """Tell whether a path is one of the places, or lies in one of them."""
    return any(path == place or path.startswith(place) for place in places)


# ----------------------------------------------------------------------------- the laws


def stands_in_a_layer(module: Module) -> Iterator[str]:
    """Every module belongs to a layer of the design."""
    if module.layer not in MAY_IMPORT:
        yield module.says(1, f"`{module.layer}` stands in no layer of the design")


def arrows_point_one_way(module: Module) -> Iterator[str]:
    """A module imports its own layer and the layers below, nothing else of ours."""
    allowed = MAY_IMPORT.get(module.layer, frozenset()) | {module.layer}
    for found in module.imports:
        if found.root == "pytest_lattice" and found.layer not in allowed:
            yield module.says(
                found.line, f"`{module.layer}` must not import `{found.target}`"
            )


def pure_packages_are_alone(module: Module) -> Iterator[str]:
    """The pure packages see the standard library only, and nothing of the world."""
    if module.layer not in PURE:
        return
    for found in module.imports:
        if found.root in IMPURE:
            yield module.says(found.line, f"`{found.root}` reaches outside")
        elif found.third_party and not listed(
            module.path, THIRD_PARTY.get(found.root, ())
        ):
            yield module.says(found.line, f"`{found.root}` is no standard library")


def pure_packages_read_no_clock(module: Module) -> Iterator[str]:
    """The pure packages are told the time; they do not ask for it."""
    if module.layer not in PURE:
        return
    called = {node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call)}
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute) or node.attr not in READS_THE_CLOCK:
            continue
        receiver = ast.unparse(node.value).rpartition(".")[2]
        if node in called or receiver in {"datetime", "date"}:
            yield module.says(node.lineno, f"`{ast.unparse(node)}` reads the clock")


def third_parties_stay_at_the_edges(module: Module) -> Iterator[str]:
    """A third-party module appears in its few listed modules, and there lazily."""
    for found in filter(lambda found: found.third_party, module.imports):
        in_signatures = NAMED_IN_SIGNATURES.get(found.root, ())
        if found.for_typing and listed(module.path, in_signatures):
            continue
        if not listed(module.path, THIRD_PARTY.get(found.root, ())):
            yield module.says(found.line, f"`{found.root}` has no place here")
        elif found.at_load and module.path not in LAZY_EDGES | ENTRY_MODULES:
            yield module.says(found.line, f"`{found.root}` is to be imported on use")


def lazy_edges_are_imported_on_use(module: Module) -> Iterator[str]:
    """A module with third-party imports at its head is imported by functions only."""
    if module.path in LAZY_EDGES:
        return
    for found in module.imports:
        parts = found.target.split(".")[1:3]
        if found.at_load and "/".join(parts) + ".py" in LAZY_EDGES:
            yield module.says(found.line, f"`{found.target}` is to be imported on use")


def entry_modules_load_nothing(module: Module) -> Iterator[str]:
    """What pytest loads at start-up loads the standard library, pytest and pluggy."""
    if module.path not in ENTRY_MODULES:
        return
    for found in module.imports:
        known = sys.stdlib_module_names | {"pytest", "pluggy"}
        if found.at_load and found.root not in known:
            yield module.says(found.line, f"`{found.target}` is to be imported on use")


def public_face_is_lazy(module: Module) -> Iterator[str]:
    """The package's `__init__` loads nothing until a name is asked for (PEP 562)."""
    if module.path != "__init__.py":
        return
    for found in module.imports:
        if found.at_load and found.root not in sys.stdlib_module_names:
            yield module.says(found.line, f"`{found.target}` is to be imported on use")
    functions = {
        node.name for node in module.tree.body if isinstance(node, ast.FunctionDef)
    }
    for name in sorted({"__getattr__", "__dir__"} - functions):
        yield module.says(1, f"no `{name}`, so the public names are not lazy")


def values_are_frozen(module: Module) -> Iterator[str]:
    """Every dataclass of the model is `frozen=True, slots=True`."""
    if module.layer != "model":
        return
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            text = ast.unparse(decorator)
            if re.match(r"(\w+\.)*dataclass\b", text) and not (
                "frozen=True" in text and "slots=True" in text
            ):
                yield module.says(node.lineno, f"`{node.name}` is not frozen and slots")


def a_no_has_a_reason(module: Module) -> Iterator[str]:
    """What can say no answers with more than a boolean."""
    if module.layer not in {"auth", "routing", "decision"}:
        return
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and ANSWERS_WITH_REASONS.match(node.name)
            and node.returns is not None
            and "bool" in re.split(r"[\s|'\"]+", ast.unparse(node.returns))
        ):
            yield module.says(node.lineno, f"`{node.name}` returns a bare boolean")


def module_begins_with_its_contract(module: Module) -> Iterator[str]:
    """Every module has a docstring, a pure one of two sentences at least."""
    text = ast.get_docstring(module.tree) or ""
    wanted = 2 if module.layer in PURE else 1
    if sentences(text) < wanted:
        yield module.says(1, f"the docstring needs {wanted} sentence(s)")


def sentences(text: str) -> int:
    """Count the sentences of a docstring."""
    plain = re.sub(r"\b(?:e\.g|i\.e|etc|vs)\.", "", text)
    return len(re.findall(r"\w\W{0,3}[.!?](?=\W{0,3}(?:\s|$))", plain))


LAWS: tuple[Law, ...] = (
    stands_in_a_layer,
    arrows_point_one_way,
    pure_packages_are_alone,
    pure_packages_read_no_clock,
    third_parties_stay_at_the_edges,
    lazy_edges_are_imported_on_use,
    entry_modules_load_nothing,
    public_face_is_lazy,
    values_are_frozen,
    a_no_has_a_reason,
    module_begins_with_its_contract,
)


# ------------------------------------------------------------------ the house is judged


def house() -> list[Module]:
    """Read every module of the package."""
    return [
        Module(file.relative_to(PACKAGE).as_posix(), file.read_text(encoding="utf-8"))
        for file in sorted(PACKAGE.rglob("*.py"))
    ]


def test_the_house_stands() -> None:
    """There is a package to judge; without this every law would hold of nothing."""
    assert "__init__.py" in {module.path for module in house()}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law_holds(law: Law) -> None:
    """No module of the package breaks the law."""
    assert [complaint for module in house() for complaint in law(module)] == []


# --------------------------------------------------------------------- the laws do bite

LAZY_FACE = "def __getattr__(name): ...\ndef __dir__(): ...\n"

BROKEN: dict[Law, list[tuple[str, str, str]]] = {
    stands_in_a_layer: [
        ("utils.py", "", "no layer"),
        ("helpers/text.py", "", "no layer"),
    ],
    arrows_point_one_way: [
        ("errors.py", "import pytest_lattice.model", "`errors`"),
        (
            "model/service.py",
            "from pytest_lattice.routing.match import match",
            "`model` must not import `pytest_lattice.routing.match.match`",
        ),
        ("model/service.py", "from ..auth import policy", "auth"),
        ("auth/policy.py", "from pytest_lattice import routing", "."),
        ("routing/match.py", "import pytest_lattice.auth", "auth"),
        ("decision/decide.py", "from .. import targets", "targets"),
        ("clients/httpx.py", "import pytest_lattice.logs", "logs"),
        ("targets/wsgi.py", "from ..clients import names", "clients"),
        ("logs/entry.py", "def f():\n  from .. import clock", "clock"),
        ("logs/entry.py", "from ..network import X", "network"),
        ("clock.py", "from pytest_lattice.auth import x", "`clock`"),
        ("network.py", "from . import plugin", "plugin"),
        ("network.py", "from pytest_lattice import Rule", "Rule"),
        ("network.py", "import pytest_lattice", "`network`"),
        (
            "model/service.py",
            (
                "from typing import TYPE_CHECKING\n"
                "if TYPE_CHECKING:\n    from pytest_lattice.network import X"
            ),
            "model/service.py:3:",
        ),
    ],
    pure_packages_are_alone: [
        *(("auth/sigv4.py", f"import {name}", f"`{name}`") for name in sorted(IMPURE)),
        ("model/x.py", "from os import path", "`os`"),
        ("model/x.py", "import logging.config", "`logging`"),
        ("errors.py", "def f():\n    import time", "`time`"),
        ("routing/x.py", "import httpx", "no standard library"),
        ("auth/sigv4.py", "import cryptography", "cryptography"),
    ],
    pure_packages_read_no_clock: [
        ("auth/x.py", "datetime.datetime.now(UTC)", "now"),
        ("auth/x.py", "datetime.utcnow()", "utcnow"),
        ("model/x.py", "date.today()", "today"),
        ("model/x.py", "f(factory=datetime.now)", "now"),
        ("routing/x.py", "clock.now()", "clock.now"),
    ],
    third_parties_stay_at_the_edges: [
        ("network.py", "import httpx", "no place"),
        ("logs/query.py", "import requests", "no place"),
        ("clients/proxy.py", "import h2", "no place"),
        ("loaders/document.py", "import yaml", "on use"),
        ("targets/wsgi.py", "import anyio", "on use"),
        (
            "auth/sigv4a.py",
            "from cryptography.hazmat.primitives import hashes",
            "on use",
        ),
        ("network.py", "def client():\n    import httpx", "no place"),
        (
            "loaders/document.py",
            "if TYPE_CHECKING:\n    pass\nelse:\n    import yaml",
            "on use",
        ),
    ],
    lazy_edges_are_imported_on_use: [
        ("network.py", "from pytest_lattice.clients.httpx import client", "on use"),
        ("clients/__init__.py", "from . import grpc", "use"),
        ("clients/address.py", "from .listener import x", "listener"),
    ],
    entry_modules_load_nothing: [
        ("plugin.py", "from .network import X", "on use"),
        ("plugin.py", "import httpx", "on use"),
        (
            "hookspecs.py",
            "class Specs:\n    from pytest_lattice.model import service",
            "on use",
        ),
    ],
    public_face_is_lazy: [
        ("__init__.py", LAZY_FACE + "from .model import x", "on use"),
        ("__init__.py", LAZY_FACE + "import httpx", "on use"),
        ("__init__.py", "def __dir__(): ...", "`__getattr__`"),
        ("__init__.py", "def __getattr__(n): ...", "`__dir__`"),
    ],
    values_are_frozen: [
        ("model/x.py", "@dataclass\nclass A: ...", "`A`"),
        ("model/x.py", "@dataclass(frozen=True)\nclass A: ...", "`A`"),
        (
            "model/x.py",
            "@dataclasses.dataclass(slots=True, frozen=False)\nclass A: ...",
            "`A`",
        ),
    ],
    a_no_has_a_reason: [
        ("routing/match.py", "def match_path(x) -> bool: ...", "match"),
        ("auth/x.py", "def evaluate(x) -> 'bool': ...", "`evaluate`"),
        ("auth/x.py", "def resolve(x) -> bool | None: ...", "`resolve`"),
        (
            "decision/decide.py",
            "class A:\n    async def decide(self) -> bool: ...",
            "decide.py:2:",
        ),
    ],
    module_begins_with_its_contract: [
        ("network.py", "x = 1", "1 sentence"),
        ("model/x.py", '"""Only one."""', "2 sentence"),
        ("auth/x.py", '"""Just, e.g. one."""', "2 sent"),
    ],
}

KEPT: dict[Law, list[tuple[str, str]]] = {
    stands_in_a_layer: [
        ("model/deeper/service.py", ""),
    ],
    arrows_point_one_way: [
        ("model/service.py", "from .names import arn"),
        ("model/deeper/service.py", "from ...errors import X"),
        ("decision/decide.py", "from pytest_lattice import auth"),
        ("analysis/lint.py", "from pytest_lattice.errors import X"),
        ("network.py", "from . import clock, draws, targets"),
    ],
    pure_packages_are_alone: [
        ("auth/x.py", "import hmac, hashlib, ipaddress, json"),
        ("auth/x.py", "from datetime import datetime"),
        ("draws.py", "import random"),
        ("auth/sigv4a.py", "def f():\n    import cryptography"),
    ],
    pure_packages_read_no_clock: [
        ("auth/x.py", "when = context.now"),
        ("auth/x.py", "decide(state, now=now)"),
        ("clients/x.py", "datetime.now()"),
    ],
    third_parties_stay_at_the_edges: [
        ("clients/httpx.py", "import httpx"),
        ("targets/wsgi.py", "def f():\n  import anyio"),
        ("loaders/x.py", "async def f():\n  import yaml"),
        ("loaders/x.py", "if TYPE_CHECKING:\n  import yaml"),
        ("network.py", "if t.TYPE_CHECKING: import httpx"),
        ("plugin.py", "import pytest, pluggy"),
    ],
    lazy_edges_are_imported_on_use: [
        ("network.py", "def f():\n  from .clients import grpc"),
        ("clients/grpc_aio.py", "from . import grpc"),
    ],
    entry_modules_load_nothing: [
        ("plugin.py", "def f():\n    from .network import X"),
        ("plugin.py", "import typing, pytest, pluggy"),
    ],
    public_face_is_lazy: [
        (
            "__init__.py",
            LAZY_FACE
            + "import typing\nif typing.TYPE_CHECKING:\n    from .model import x",
        ),
        ("model/__init__.py", "from .names import arn"),
    ],
    values_are_frozen: [
        ("model/x.py", "@dataclass(frozen=True, slots=True)\nclass A: ..."),
        ("clients/x.py", "@dataclass\nclass A: ..."),
    ],
    a_no_has_a_reason: [
        ("auth/x.py", "def is_allowed(x) -> bool: ..."),
        ("auth/x.py", "def matches(x) -> Mismatch | None: ..."),
        ("assertions/x.py", "def match(x) -> bool: ..."),
    ],
    module_begins_with_its_contract: [
        ("auth/x.py", '"""One: `a.b`. And two."""'),
        ("network.py", '"""One."""'),
    ],
}


@pytest.mark.parametrize(
    ("law", "path", "source", "complaint"),
    [(law, *row) for law, rows in BROKEN.items() for row in rows],
)
def test_law_bites(law: Law, path: str, source: str, complaint: str) -> None:
    """A snippet that breaks the law is found, once, and the complaint says where."""
    [said] = law(Module(path, source))

    assert said.startswith(f"{path}:")
    assert complaint in said


@pytest.mark.parametrize(
    ("law", "path", "source"),
    [(law, *row) for law, rows in KEPT.items() for row in rows],
)
def test_law_leaves_the_lawful_alone(law: Law, path: str, source: str) -> None:
    """A snippet that only looks like a breach is not found."""
    assert list(law(Module(path, source))) == []


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law_is_shown_to_bite(law: Law) -> None:
    """No law stands without a snippet that it catches and one that it lets pass."""
    assert BROKEN[law]
    assert KEPT[law]
