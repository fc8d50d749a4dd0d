"""A target group with its targets and health check, as AWS declares them.

What answers behind a target (a test app) is carried along as an opaque object;
recognizing and calling it is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from ipaddress import ip_address
from itertools import count
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args

from pytest_lattice.errors import HIDE, ConfigurationError, advised
from pytest_lattice.model.names import (
    DEFAULT_ACCOUNT,
    DEFAULT_REGION,
    check_name,
    check_owner,
    digest,
    given_id,
    lattice_arn,
)
from pytest_lattice.model.path import check_path
from pytest_lattice.model.value import (
    DerivedNumber,
    DerivedText,
    Value,
    check_flag,
    check_text,
    check_texts,
    given,
    is_whole,
    read_only,
)

if TYPE_CHECKING:
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

TargetGroupType: TypeAlias = Literal["INSTANCE", "IP", "LAMBDA", "ALB"]
TargetStatus: TypeAlias = Literal[
    "INITIAL", "HEALTHY", "UNHEALTHY", "DRAINING", "UNUSED", "UNAVAILABLE"
]

#: The VPC of what does not name one.
DEFAULT_VPC = "default"

# AWS: vpc-lattice/latest/ug/target-groups, create-target-group, tls-listeners,
# lambda-functions, alb-target: the legal (type, protocol) → protocol versions.
_COMBINATIONS: dict[tuple[str, str | None], tuple[str | None, ...]] = {
    ("INSTANCE", "HTTP"): ("HTTP1", "HTTP2", "GRPC"),
    ("INSTANCE", "HTTPS"): ("HTTP1", "HTTP2", "GRPC"),
    ("INSTANCE", "TCP"): (None,),
    ("IP", "HTTP"): ("HTTP1", "HTTP2", "GRPC"),
    ("IP", "HTTPS"): ("HTTP1", "HTTP2", "GRPC"),
    ("IP", "TCP"): (None,),
    ("ALB", "HTTP"): ("HTTP1",),
    ("ALB", "HTTPS"): ("HTTP1",),
    ("ALB", "TCP"): (None,),
    ("LAMBDA", None): (None,),
}
_TYPES: tuple[str, ...] = get_args(TargetGroupType)
# AWS: vpc-lattice/latest/APIReference/API_TargetGroupConfig
_DEFAULT_PORTS = {"HTTP": 80, "HTTPS": 443, "TCP": 443}
_PORTS = range(1, 65536)
_TARGET_ID_LENGTH = 200
# AWS: vpc-lattice/latest/ug/quotas
_TARGETS = 1000
# AWS: vpc-lattice/latest/ug/target-group-health-checks
_HEALTH_LIMITS = {
    "interval_seconds": range(5, 301),
    "timeout_seconds": range(1, 121),
    "healthy_threshold_count": range(2, 11),
    "unhealthy_threshold_count": range(2, 11),
}
_HEALTH_PROTOCOLS = {
    "protocol": ("HTTP", "HTTPS"),
    "protocol_version": ("HTTP1", "HTTP2"),
}
_HEALTH_PATH_LENGTH = 2048
_MATCHER = re.compile(r"[0-9]{3}(-[0-9]{3})?(,[0-9]{3}(-[0-9]{3})?)*")
_MATCHED_STATUSES = range(200, 500)
_LAMBDA_ARN = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]+"
    r"(:(\$LATEST|[a-zA-Z0-9_-]+))?"
)


@dataclass(frozen=True, slots=True, repr=False)
class HealthCheck(Value):
    """How the targets of a group are probed.

    Args:
        enabled: None means AWS's default: on for HTTP1 groups, off for others.
        protocol: ``HTTP`` or ``HTTPS``; None means the group's.
        protocol_version: ``HTTP1`` or ``HTTP2``; None means AWS's default.
        port: None means the target's own port.
        path: 1 to 2048 characters, may carry a query.
        interval_seconds: 5 to 300.
        timeout_seconds: 1 to 120.
        healthy_threshold_count: 2 to 10 passes in a row.
        unhealthy_threshold_count: 2 to 10 failures in a row.
        matcher: the statuses that pass, of 200 to 499: ``200``, ``200,202`` or
            ``200-299``.

    Raises:
        ConfigurationError: a limit of AWS.

    AWS: vpc-lattice/latest/ug/target-group-health-checks
    """

    _: KW_ONLY
    enabled: bool | None = None
    protocol: Literal["HTTP", "HTTPS"] | None = None
    protocol_version: Literal["HTTP1", "HTTP2"] | None = None
    port: int | None = None
    path: str = "/"
    interval_seconds: int = 30
    timeout_seconds: int = 5
    healthy_threshold_count: int = 5
    unhealthy_threshold_count: int = 2
    matcher: str = "200"

    def __post_init__(self) -> None:
        """Check AWS's limits."""
        if self.enabled is not None:
            check_flag(self.enabled, "health check enabled")
        for name, allowed in _HEALTH_LIMITS.items():
            value = getattr(self, name)
            if not is_whole(value, allowed):
                raise ConfigurationError(
                    f"health check {name} `{value!r}` is not from "
                    f"{allowed.start} to {allowed.stop - 1}"
                )
        for name, known in _HEALTH_PROTOCOLS.items():
            value = getattr(self, name)
            if value is not None and value not in known:
                raise ConfigurationError(
                    f"health check {name} `{value}` is neither {' nor '.join(known)}"
                )
        if self.port is not None and not is_whole(self.port, _PORTS):
            raise ConfigurationError(
                f"health check port `{self.port!r}` is not from 1 to 65535"
            )
        check_path(self.path, _HEALTH_PATH_LENGTH, "health check")
        self._check_matcher()

    def _check_matcher(self) -> None:
        self._set(matcher=str(self.matcher))
        where = f"health check matcher `{self.matcher}`"
        if not _MATCHER.fullmatch(self.matcher):
            raise ConfigurationError(
                f"{where} is not of the form `200`, `200,202` or `200-299`"
            )
        for part in self.matcher.split(","):
            first, _, last = part.partition("-")
            for status in filter(None, (first, last)):
                if int(status) not in _MATCHED_STATUSES:
                    raise ConfigurationError(
                        f"{where} names status {status}, which is not from 200 to 499"
                    )
            if last and last < first:
                raise ConfigurationError(f"{where}: range `{part}` is empty")


@dataclass(frozen=True, slots=True, repr=False)
class Target(Value):
    """One registered target.

    Args:
        id: the instance id, IP address, function ARN or load balancer ARN;
            derived from the group when left out.
        port: overrides the group's port.
        app: what answers in the test: a WSGI or ASGI app, a Lambda handler, a
            URL of a running server, ``"echo"``, or None for not bound.
        source: where it was written, which loaders fill in.

    AWS: vpc-lattice/latest/ug/register-targets
    """

    id: str = ""
    _: KW_ONLY
    port: int | None = None
    app: object = field(default=None, hash=False)
    source: SourceLocation | None = field(default=None, compare=False)

    # A derived id is shown too, because it tells targets of a group apart.
    _SHOWN = frozenset({"id"})

    def __post_init__(self) -> None:
        """Check AWS's limits."""
        check_text(self.id, "target id")
        if len(self.id) > _TARGET_ID_LENGTH:
            raise ConfigurationError(
                f"target id `{self.id[:40]}…` has {len(self.id)} characters, "
                f"more than {_TARGET_ID_LENGTH}"
            )
        if self.port is not None and not is_whole(self.port, _PORTS):
            raise ConfigurationError(
                f"target port `{self.port!r}` is not from 1 to 65535"
            )


@dataclass(frozen=True, slots=True, repr=False)
class TargetGroup(Value):
    """Targets of one kind, which rules forward to.

    Args:
        name: 3 to 128 of a-z, 0-9 and hyphens, unique in account and Region.
        type: ``INSTANCE``, ``IP``, ``LAMBDA`` or ``ALB``.
        protocol: ``HTTP`` (default), ``HTTPS`` or ``TCP``; not for LAMBDA.
        protocol_version: ``HTTP1`` (default), ``HTTP2`` or ``GRPC``.
        port: 1 to 65535; 80 for HTTP and 443 otherwise unless given.
        ip_address_type: ``IPV4`` or, for type IP only, ``IPV6``.
        vpc: the name or id of the targets' VPC; not for LAMBDA.
        lambda_event_structure_version: ``V1`` (AWS's default) or ``V2``.
        health_check: how targets are probed; AWS's defaults unless given.
        targets: the test apps, or `Target` values; ``"echo"`` asks for the
            built-in target that answers with what it received.
        account: the 12-digit owner.
        region: the Region.
        tags: tags.
        id: ``tg-`` and 17 characters, as a deployed one has it; derived from account,
            Region and name unless given.
        source: where it was written, which loaders fill in.

    Raises:
        ConfigurationError: a limit or a combination that AWS does not accept.

    AWS: vpc-lattice/latest/ug/target-groups
    """

    name: str
    _: KW_ONLY
    type: TargetGroupType = "INSTANCE"
    protocol: Literal["HTTP", "HTTPS", "TCP"] | None = None
    protocol_version: Literal["HTTP1", "HTTP2", "GRPC"] | None = None
    port: int | None = None
    ip_address_type: Literal["IPV4", "IPV6"] = "IPV4"
    vpc: str | None = None
    lambda_event_structure_version: Literal["V1", "V2"] = "V1"
    health_check: HealthCheck | None = None
    targets: Sequence[object] | str = ()
    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    id: str = ""
    source: SourceLocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Fill in AWS's defaults and check its limits."""
        check_name("target group", self.name)
        check_owner(self.account, self.region)
        group_id = given_id("tg", self.id, self, self._where)
        self._set(tags=read_only(self.tags), id=group_id)
        if self.type not in _TYPES:
            raise ConfigurationError(
                f"{self._where}: type `{self.type}` is none of {', '.join(_TYPES)}"
            )
        check_texts(self, self._where, "protocol", "protocol_version")
        if self.type == "LAMBDA":
            self._check_lambda()
        else:
            self._fill_in()
        self._check_combination()
        self._check_health_check()
        self._set(targets=tuple(self._registered()))
        self._check_targets()

    @property
    def _where(self) -> str:
        return f"target group `{self.name}`"

    def _fill_in(self) -> None:
        protocol = given(self.protocol) or DerivedText("HTTP")
        version = None if protocol == "TCP" else DerivedText("HTTP1")
        port = given(self.port)
        if port is None and protocol in _DEFAULT_PORTS:
            port = DerivedNumber(_DEFAULT_PORTS[protocol])
        self._set(
            protocol=protocol,
            protocol_version=given(self.protocol_version) or version,
            port=port,
            vpc=given(self.vpc) or DerivedText(DEFAULT_VPC),
        )
        if self.lambda_event_structure_version != "V1":
            raise ConfigurationError(
                f"{self._where}: lambda_event_structure_version is for LAMBDA only"
            )

    def _check_lambda(self) -> None:
        # AWS: vpc-lattice/latest/APIReference/API_TargetGroupConfig
        for name in ("protocol", "protocol_version", "port", "vpc"):
            if given(getattr(self, name)) is not None:
                raise ConfigurationError(f"{self._where}: type LAMBDA takes no {name}")
            self._set(**{name: None})
        if self.lambda_event_structure_version not in ("V1", "V2"):
            raise ConfigurationError(
                f"{self._where}: lambda_event_structure_version "
                f"`{self.lambda_event_structure_version}` is neither V1 nor V2"
            )

    def _check_combination(self) -> None:
        versions = _COMBINATIONS.get((self.type, self.protocol))
        if versions is None:
            raise ConfigurationError(
                f"{self._where}: type {self.type} does not go with "
                f"protocol {self.protocol}"
            )
        if self.protocol_version not in versions:
            raise ConfigurationError(
                f"{self._where}: type {self.type} with protocol {self.protocol} "
                f"does not go with protocol version {self.protocol_version}"
            )
        if self.port is not None and not is_whole(self.port, _PORTS):
            raise ConfigurationError(
                f"{self._where}: port `{self.port!r}` is not from 1 to 65535"
            )
        if self.ip_address_type not in ("IPV4", "IPV6"):
            raise ConfigurationError(
                f"{self._where}: IP address type `{self.ip_address_type}` "
                "is neither IPV4 nor IPV6"
            )
        if self.ip_address_type == "IPV6" and self.type != "IP":
            raise ConfigurationError(
                f"{self._where}: IPV6 is for type IP, not {self.type}"
            )

    def _check_health_check(self) -> None:
        if self.type in {"LAMBDA", "ALB"} and self.health_check is not None:
            # AWS: vpc-lattice/latest/ug/target-group-health-checks
            raise ConfigurationError(
                f"{self._where}: type {self.type} takes no health check"
            )
        if not isinstance(self.health_check, HealthCheck | None):
            raise advised(
                f"{self._where}: health check `{self.health_check!r}` "
                "is not a HealthCheck",
                "HealthCheck(enabled=False) switches it off",
            )

    def _registered(self) -> list[Target]:
        listed = self.targets
        if isinstance(listed, str):
            listed = (listed,)
        if not isinstance(listed, Sequence):
            raise advised(
                f"{self._where}: targets is not a list", f"write [{_short(listed)}]"
            )
        targets = [as_target(each, self._where) for each in listed]
        registered = []
        for target, known in zip(targets, self._known_ids(targets), strict=True):
            port = given(target.port)
            if port is None and self.port is not None:
                port = DerivedNumber(self.port)
            registered.append(replace(target, id=known, port=port))
        return registered

    def _known_ids(self, targets: Sequence[Target]) -> list[str]:
        """Return ids as given, or as this very group had derived them, or new ones."""
        own: frozenset[str] | None = None
        ids: list[str | None] = []
        for position, target in enumerate(targets):
            known: str | None = target.id or None
            if isinstance(known, DerivedText) and known != self._derived_id(position):
                # Targets before it may have gone; but another group derives its own.
                own = own or frozenset(map(self._derived_id, range(_TARGETS)))
                known = known if known in own else None
            ids.append(known)
        taken = {known for known in ids if known is not None}
        for position, known in enumerate(ids):
            if known is None:
                ids[position] = self.free_id(taken, position)
                taken.add(ids[position] or "")
        return [known or "" for known in ids]

    def free_id(self, taken: Container[str], position: int = 0) -> str:
        """Derive an id for one more target.

        Args:
            taken: the ids that it must not have.
            position: where it stands in the list of targets.
        """
        if self.type == "LAMBDA":  # one function, whose name is that of the group
            return DerivedText(self._derived_id(position))
        ids = map(self._derived_id, count(position))
        return DerivedText(next(each for each in ids if each not in taken))

    def _derived_id(self, position: int) -> str:
        key = digest(self.account, self.region, self.name, str(position))
        owner = f"{self.region}:{self.account}"
        match self.type:
            case "INSTANCE":
                return f"i-{key}"
            case "LAMBDA":
                arn = f"arn:aws:lambda:{owner}:function:{self.name}"
                return arn[:_TARGET_ID_LENGTH]
            case "ALB":
                return (
                    f"arn:aws:elasticloadbalancing:{owner}:loadbalancer/app/"
                    f"{self.name[:32]}/{key[:16]}"
                )
        # Addresses of one group follow each other, so that no two are the same.
        number = int(digest(self.account, self.region, self.name), 16) + position
        if self.ip_address_type == "IPV6":
            return str(ip_address("fd00::") + number % 2**32)
        return str(ip_address("10.0.0.4") + number % 65_000)

    def _check_targets(self) -> None:
        targets = self.registered
        if self.type in {"LAMBDA", "ALB"} and len(targets) > 1:
            # AWS: vpc-lattice/latest/ug/lambda-functions, alb-target
            raise ConfigurationError(
                f"{self._where}: type {self.type} takes one target, not {len(targets)}"
            )
        if len(targets) > _TARGETS:
            raise ConfigurationError(
                f"{self._where} has {len(targets)} targets, more than {_TARGETS}"
            )
        seen: set[tuple[str, int | None]] = set()
        for target in targets:
            self._check_id(target)
            if (target.id, target.port) in seen:
                raise ConfigurationError(
                    f"{self._where} registers `{target.id}` "
                    f"with port {target.port} twice"
                )
            seen.add((target.id, target.port))

    def _check_id(self, target: Target) -> None:
        if self.type == "LAMBDA":
            if not _LAMBDA_ARN.fullmatch(target.id):
                raise ConfigurationError(
                    f"{self._where}: `{target.id}` is not the ARN of a Lambda function"
                )
            if target.port is not None:
                # AWS: vpc-lattice/latest/APIReference/API_Target
                raise ConfigurationError(
                    f"{self._where}: a target of type LAMBDA takes no port"
                )
        if self.type == "IP":
            try:
                address = ip_address(target.id)
            except ValueError:
                raise ConfigurationError(
                    f"{self._where}: `{target.id}` is not an IP address"
                ) from None
            if f"IPV{address.version}" != self.ip_address_type:
                # AWS: vpc-lattice/latest/ug/register-targets
                raise ConfigurationError(
                    f"{self._where}: `{target.id}` is not of type "
                    f"{self.ip_address_type}"
                )
            if address.is_global:
                # AWS: vpc-lattice/latest/ug/register-targets: no public addresses;
                # 100.64.0.0/10 is none, and VPCs use it
                raise ConfigurationError(
                    f"{self._where}: `{target.id}` is a public IP address"
                )

    @property
    def arn(self) -> str:
        """The ARN."""
        return lattice_arn(
            f"targetgroup/{self.id}", account=self.account, region=self.region
        )

    @property
    def registered(self) -> tuple[Target, ...]:
        """The targets with ids and ports filled in."""
        return cast("tuple[Target, ...]", self.targets)

    @property
    def health_check_enabled(self) -> bool:
        """Whether targets are probed, by AWS's defaults or as declared."""
        if self.type in {"LAMBDA", "ALB"}:
            return False
        if self.health_check is None or self.health_check.enabled is None:
            # AWS: on for HTTP1 groups, off for HTTP2, GRPC and TCP groups
            return self.protocol_version == "HTTP1"
        return self.health_check.enabled


def as_target(thing: object, where: str) -> Target:
    """Take a target of `where`, or an app as one; None is refused."""
    if thing is None:
        raise advised(
            f"{where}: a target is `None`, which is no app",
            "Target() is one that nothing is bound to",
        )
    return thing if isinstance(thing, Target) else Target(app=thing)


def _short(thing: object) -> str:
    return getattr(thing, "__name__", type(thing).__name__)
