"""Rules of routes: one Lattice rule for each match, in the order they are written.

The AWS Gateway API Controller takes one match for a rule and refuses more.  Here each
match is a rule of its own, and a notice says so: none is lost silently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE
from pytest_lattice.loaders.gateway_api.manifests import Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_lattice.loaders.gateway_api.manifests import Object, Objects

__tracebackhide__ = HIDE

_REFUSED = "the AWS Gateway API Controller refuses it"
# AWS: aws-application-networking-k8s: the reasons it gives
_MANY_MATCHES = "LATTICE_NO_SUPPORT_FOR_MULTIPLE_MATCHES"
_MATCH_TYPE = "LATTICE_UNSUPPORTED_MATCH_TYPE"
_PATH_TYPE = "LATTICE_UNSUPPORTED_PATH_MATCH_TYPE"
_HEADER_TYPE = "LATTICE_UNSUPPORTED_HEADER_MATCH_TYPE"
_MANY_HEADERS = "LATTICE_EXCEED_MAX_HEADER_MATCHES"
_MOST_HEADERS = 5
_PATH_TYPES = {"Exact": "exact", "PathPrefix": "prefix"}
_WITHOUT_EFFECT = ("filters", "timeouts", "retry", "sessionPersistence")
_NUMBER = re.compile(r"[-+]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Match:
    """A match that becomes a rule.

    Args:
        rule: the rule's position in the route.
        node: the match, or the rule itself where it has none.
        priority: the priority of the Lattice rule.
        http: the conditions, in the words of the Lattice API.
    """

    rule: int
    node: Node
    priority: int
    http: dict[str, Any]

    @property
    def where(self) -> str:
        """Where it stands in the route, such as ``rules[0].matches[1]``."""
        return self.node.path.removeprefix("spec.")


def matches_of(objects: Objects, route: Object) -> list[Match]:
    """Return the rules of an HTTPRoute or GRPCRoute, by priority.

    Args:
        objects: where notices go.
        route: the route.

    Raises:
        UnsupportedFeatureError: a match that the controller refuses.
        ConfigurationError: two rules of one priority.
    """
    made: list[Match] = []
    for position, rule in enumerate(rules_of(route)):
        rule.check("name", "matches", "backendRefs", *_WITHOUT_EFFECT)
        for key in _WITHOUT_EFFECT:
            if rule.values.get(key):
                objects.notice(
                    f"{key} of {rule.path.removeprefix('spec.')} of {route.called} do "
                    "nothing: VPC Lattice has none",
                    rule.at(key),
                )
        # A rule without a match takes every request.
        matches = rule.nodes("matches") or [rule]
        # AWS: aws-application-networking-k8s: the position, counted from 1
        first = _annotated(objects, route, position)
        first = len(made) + 1 if first is None else first
        made += [
            Match(position, each, first + offset, _http(route, each, bare=each is rule))
            for offset, each in enumerate(matches)
        ]
    _check_priorities(route, made)
    made.sort(key=lambda match: match.priority)
    _note_expansions(objects, route, made)
    _note_shadows(objects, route, made)
    return made


def rules_of(route: Object) -> list[Node]:
    """Return the rules of a route; the API server gives one to an HTTPRoute without."""
    spec = route.spec
    if route.kind == "HTTPRoute" and spec.values.get("rules") is None:
        return [Node({}, spec.source, "spec.rules[0]")]
    return spec.nodes("rules")


def _annotated(objects: Objects, route: Object, position: int) -> int | None:
    """Read the priority that an annotation gives to a rule."""
    written = route.annotation(f"rule-{position}-priority")
    if written is None:
        return None
    if _NUMBER.fullmatch(written):
        return int(written)
    objects.notice(
        f"priority `{written}` of rules[{position}] of {route.called} is no whole "
        "number, so it does nothing",
        route.root.node("metadata").at("annotations"),
    )
    return None


def _check_priorities(route: Object, made: Sequence[Match]) -> None:
    first: dict[int, Match] = {}
    for match in made:
        other = first.setdefault(match.priority, match)
        if other is not match:
            raise match.node.refuse(
                f"{other.where} and {match.where} of {route.called} both have priority "
                f"{match.priority}"
            )


# ---- conditions ----------------------------------------------------------------------


def _http(route: Object, match: Node, *, bare: bool) -> dict[str, Any]:
    if route.kind == "GRPCRoute":
        return _grpc_match(match, bare=bare)
    if bare:
        return {"pathMatch": _path("prefix", "/")}
    match.check("path", "headers", "queryParams", "method")
    if match.values.get("queryParams"):
        raise _refuse(match, "queryParams", "matches on query parameters", _MATCH_TYPE)
    path = match.node("path").check("type", "value")
    # What is left out, the API server fills in from the defaults of the Gateway API.
    kind = path.text("type", "PathPrefix")
    if kind not in _PATH_TYPES:
        raise _refuse(path, "type", f"path match of type {kind}", _PATH_TYPE)
    http: dict[str, Any] = {
        "pathMatch": _path(_PATH_TYPES[kind], path.text("value", "/"))
    }
    if method := match.text("method"):
        http["method"] = method
    return http | _headers(match)


def _grpc_match(match: Node, *, bare: bool) -> dict[str, Any]:
    # AWS: aws-application-networking-k8s: gRPC is always POST
    http: dict[str, Any] = {"method": "POST", "pathMatch": _path("prefix", "/")}
    if bare:
        return http
    match.check("method", "headers")
    method = match.node("method").check("type", "service", "method")
    kind = method.text("type", "Exact")
    if kind != "Exact":
        raise _refuse(method, "type", f"method match of type {kind}", _MATCH_TYPE)
    service, name = method.text("service"), method.text("method")
    if name and not service:
        raise method.unsupported(
            f"method `{name}` without a service: {_REFUSED}", "method"
        )
    if service:
        exact = ("exact", f"/{service}/{name}") if name else ("prefix", f"/{service}/")
        http["pathMatch"] = _path(*exact)
    return http | _headers(match)


def _path(kind: str, value: str) -> dict[str, Any]:
    # AWS: aws-application-networking-k8s sends true; its documentation says otherwise
    return {"match": {kind: value}, "caseSensitive": True}


def _headers(match: Node) -> dict[str, Any]:
    made = []
    for header in match.nodes("headers"):
        header.check("type", "name", "value")
        kind = header.text("type", "Exact")
        if kind != "Exact":
            raise _refuse(header, "type", f"header match of type {kind}", _HEADER_TYPE)
        made.append(
            {
                "name": header.needed("name"),
                "match": {"exact": header.text("value")},
                "caseSensitive": False,
            }
        )
    if len(made) > _MOST_HEADERS:
        raise _refuse(match, "headers", f"{len(made)} header matches", _MANY_HEADERS)
    return {"headerMatches": made} if made else {}


def _refuse(node: Node, key: str, what: str, reason: str) -> Exception:
    return node.unsupported(f"{what}: {_REFUSED} ({reason})", key)


# ---- notices -------------------------------------------------------------------------


def _note_expansions(objects: Objects, route: Object, made: Sequence[Match]) -> None:
    by_rule: dict[int, list[Match]] = {}
    for match in made:
        by_rule.setdefault(match.rule, []).append(match)
    for position, matches in by_rule.items():
        if len(matches) > 1:
            mapped = ", ".join(f"{each.priority} = {each.where}" for each in matches)
            objects.notice(
                f"rules[{position}] of {route.called} has {len(matches)} matches: "
                f"{_REFUSED} ({_MANY_MATCHES}); here each is a rule, priority {mapped}",
                matches[0].node.source,
            )


def _note_shadows(objects: Objects, route: Object, made: Sequence[Match]) -> None:
    """Note each rule that no request reaches, for one before it takes them all."""
    for position, match in enumerate(made):
        for before in made[:position]:
            if _takes_all_of(before.http, match.http):
                objects.notice(
                    f"no request reaches {match.where} (priority {match.priority}) "
                    f"of {route.called}: {before.where} (priority {before.priority}) "
                    "takes them all; the order decides, not the Gateway API's "
                    "precedence",
                    match.node.source,
                )
                break


def _takes_all_of(before: dict[str, Any], match: dict[str, Any]) -> bool:
    """Tell whether a rule's conditions hold wherever those of another do."""
    (kind, path), (other_kind, other) = (
        next(iter(each["pathMatch"]["match"].items())) for each in (before, match)
    )
    paths = other.startswith(path) if kind == "prefix" else path == other
    if not paths or (kind == "exact" and other_kind == "prefix"):
        return False
    if before.get("method") not in {None, match.get("method")}:
        return False
    return set(_header_pairs(before)) <= set(_header_pairs(match))


def _header_pairs(http: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for each in http.get("headerMatches", ()):
        yield each["name"].lower(), each["match"]["exact"].lower()
