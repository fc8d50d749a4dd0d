"""One case of a case file, as frozen values: a request, and what is expected of it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, fields
from typing import TYPE_CHECKING, ClassVar

from pytest_lattice.errors import HIDE, ConfigurationError, advised, unknown
from pytest_lattice.loaders.shapes import (
    FLAG,
    TEXT,
    WHOLE,
    Shape,
    any_of,
    map_of,
    value_of,
)
from pytest_lattice.model.access_log import KEYS
from pytest_lattice.model.message import check_method
from pytest_lattice.model.value import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

_ERRORS = ("connect timeout", "connection refused", "connection reset")
_FIELDS = {key: name for name, key in KEYS.items()}


@dataclass(frozen=True, slots=True, repr=False)
class Denial(Value):
    """What is expected of a refusal.

    Args:
        layer: ``network``, ``service``, ``identity`` or ``authentication``.
        by: the Sid of the statement that denies explicitly.
        verdict: ``explicit`` or ``implicit``.
    """

    _: KW_ONLY
    layer: str | None = None
    by: str | None = None
    verdict: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Expectation(Value):
    """What is expected of a request.

    Args:
        allowed: whether the caller is let in, or the Sid of a statement that allows.
        denied: whether the network refuses the caller, or the layer that does, or
            more of the refusal.
        rule: priority or name of the rule that matches; ``default`` is the default
            rule.
        target_group: the target group that gets the request.
        weights: the weights by target group that the rule is configured with.
        status: the HTTP status of the answer.
        log: the values of fields of the access log entry, by AWS's keys or ours.
        error: why there is no answer at all.
    """

    _: KW_ONLY
    allowed: bool | str | None = None
    denied: bool | str | Denial | None = None
    rule: int | str | None = None
    target_group: str | None = None
    weights: Mapping[str, int] | None = field(default=None, hash=False)
    status: int | None = None
    log: Mapping[str, str | int] | None = field(default=None, hash=False)
    error: str | None = None

    SHAPES: ClassVar[Mapping[str, Shape]] = {
        "bool | str": any_of(FLAG, TEXT),
        "bool | str | Denial": any_of(FLAG, TEXT, value_of(Denial, "denial")),
        "int | str": any_of(WHOLE, TEXT),
        "Mapping[str, int]": map_of(WHOLE),
        "Mapping[str, str | int]": map_of(any_of(WHOLE, TEXT)),
    }

    def __post_init__(self) -> None:
        """Hold it to claims that can be true together."""
        claims = [each.name for each in fields(self) if self._claims(each.name)]
        if not claims:
            raise advised(
                "nothing is expected", "expect allowed, denied, rule, status or more"
            )
        if self.error is not None and len(claims) > 1:
            raise ConfigurationError("there is no answer to expect beside an error")
        if self.error is not None and self.error not in _ERRORS:
            raise unknown("error", self.error, _ERRORS)
        if self.allowed and self.denied:
            raise ConfigurationError("a caller cannot be allowed and denied")
        if self.log is not None:
            self._set(log={_FIELDS.get(key, key): self.log[key] for key in self.log})

    def _claims(self, name: str) -> bool:
        return getattr(self, name) is not None


@dataclass(frozen=True, slots=True, repr=False)
class Case(Value):
    """A request and what is expected of it.

    Args:
        request: method and URL, such as ``GET https://orders/v2/cart``; the host is a
            service's short name, DNS name or custom domain name.
        expect: what is expected.
        name: what the test is called; the request unless given.
        headers: request headers.
        body: the body, as text.
        http2: whether HTTPS is spoken as HTTP/2.
        role: the role or user that signs the request; nobody unless given.
        vpc: the VPC it comes from; may be left out where only one is associated.
        address: the IP address it comes from.
        source: where it was written, which the loader fills in.
    """

    request: str
    expect: Expectation
    _: KW_ONLY
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    body: str | None = None
    http2: bool = False
    role: str | None = None
    vpc: str | None = None
    address: str | None = None
    source: SourceLocation | None = field(default=None, compare=False)

    SHAPES: ClassVar[Mapping[str, Shape]] = {
        "Expectation": value_of(Expectation, "case's expectation"),
    }

    def __post_init__(self) -> None:
        """Hold the request to a method and a URL."""
        if len(self.request.split()) != 2 or "://" not in self.url:  # noqa: PLR2004  # these two
            raise advised(
                f"request `{self.request}` is not a method and a URL",
                "one is GET https://orders/v2/cart",
            )
        check_method(self.method)
        self._set(name=self.name or self.request)

    @property
    def method(self) -> str:
        """The method of the request."""
        return self.request.split()[0]

    @property
    def url(self) -> str:
        """The URL of the request."""
        return self.request.split()[-1]


CASE = value_of(Case, "case")
#: The values that the JSON Schema of case files defines beside those of the model.
DEFINED: tuple[type[Value], ...] = (Case, Expectation, Denial)
