"""A service with its listeners and rules, as AWS declares them.

Constructors are short where AWS is long, and check AWS's limits.  Nothing here
knows which other resources exist, nor how a request is matched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from pytest_lattice.errors import HIDE, ConfigurationError, advised
from pytest_lattice.model.action import Action, FixedResponse, check_action
from pytest_lattice.model.auth_policy import AuthType, PolicyDocument, check_auth
from pytest_lattice.model.names import (
    DEFAULT_ACCOUNT,
    DEFAULT_REGION,
    check_name,
    check_owner,
    given_id,
    identifier,
    lattice_arn,
    service_dns_name,
)
from pytest_lattice.model.path import check_path
from pytest_lattice.model.value import (
    LEFT_OUT,
    DerivedNumber,
    DerivedText,
    Value,
    check_flag,
    check_text,
    check_texts,
    first_twice,
    given,
    is_whole,
    listed,
    read_only,
)

if TYPE_CHECKING:
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

ListenerProtocol: TypeAlias = Literal["HTTP", "HTTPS", "TLS_PASSTHROUGH"]

# AWS: vpc-lattice/latest/APIReference/API_PathMatchType
_PATH_LENGTH = 200
# AWS: vpc-lattice/latest/APIReference/API_HeaderMatch, _HttpMatch
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_VALUE_LENGTHS = range(1, 201)
_HEADER_MATCHES = 5
_METHOD_LENGTH = 16
# AWS: vpc-lattice/latest/APIReference/API_CreateRule
_PRIORITIES = range(1, 2001)
# AWS: vpc-lattice/latest/APIReference/API_CreateListener
_DEFAULT_PORTS = {"HTTP": 80, "HTTPS": 443, "TLS_PASSTHROUGH": 443}
_PORTS = range(1, 65536)
# AWS: vpc-lattice/latest/ug/quotas (idle timeout per service, 2026)
_IDLE_TIMEOUTS = range(60, 601)
_CUSTOM_DOMAIN = re.compile(
    r"(?=.{3,255}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, repr=False)
class HeaderMatch(Value):
    """A condition on one request header; give one of exact, prefix, contains.

    Args:
        name: the header's name; compared without case, as HTTP has it.
        exact: the whole value.
        prefix: how the value starts.
        contains: what the value holds somewhere.
        case_sensitive: whether the value's case counts; AWS's default is no.

    Raises:
        ConfigurationError: none or several of the three, or a length.

    AWS: vpc-lattice/latest/APIReference/API_HeaderMatch
    """

    name: str
    _: KW_ONLY
    exact: str | None = None
    prefix: str | None = None
    contains: str | None = None
    case_sensitive: bool = False

    def __post_init__(self) -> None:
        """Check the union and the lengths."""
        check_text(self.name, "header name")
        if not _HEADER_NAME.fullmatch(self.name):
            raise ConfigurationError(
                f"header name `{self.name}` is not a header name of 1 to 100 characters"
            )
        where = f"header match `{self.name}`"
        union = (self.exact, self.prefix, self.contains)
        values = [each for each in union if each is not None]
        if len(values) != 1:
            raise ConfigurationError(
                f"{where} takes one of exact, prefix and contains, not {len(values)}"
            )
        if not isinstance(values[0], str):
            raise ConfigurationError(f"{where}: value `{values[0]!r}` is not text")
        if len(values[0]) not in _HEADER_VALUE_LENGTHS:
            raise ConfigurationError(
                f"{where} has a value of {len(values[0])} characters, not 1 to 200"
            )
        check_flag(self.case_sensitive, f"{where}: case_sensitive")


@dataclass(frozen=True, slots=True, repr=False)
class Rule(Value):
    """A listener rule: conditions, all of which must hold, and an action.

    Args:
        priority: 1 to 2000, unique in the listener; the lowest is tried first.
        method: the exact method, case sensitive; any token up to 16 characters.
        path: the whole path, without the query string.
        path_prefix: how the path starts, as text (``/v2`` matches ``/v2example``).
        path_case_sensitive: whether the path's case counts.
        headers: up to five conditions; a mapping ``{"x-beta": "1"}`` means exact
            values.
        action: what to do; a `Forward` or a `FixedResponse`.
        name: unique in the listener; ``priority-<n>`` unless given.
        tags: tags.
        source: where it was written, which loaders fill in.

    Raises:
        ConfigurationError: a limit of AWS, or no condition at all.

    AWS: vpc-lattice/latest/ug/listener-rules
    """

    priority: int
    _: KW_ONLY
    action: Action
    method: str | None = None
    path: str | None = None
    path_prefix: str | None = None
    # AWS: the newest API text says true; Terraform sends false
    path_case_sensitive: bool = True
    headers: Mapping[str, str] | Sequence[HeaderMatch] = ()
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    source: SourceLocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Normalize the short spellings and check AWS's limits."""
        if not is_whole(self.priority, _PRIORITIES):
            raise ConfigurationError(
                f"rule priority `{self.priority!r}` is not a whole number "
                "from 1 to 2000"
            )
        name = given(self.name) or DerivedText(f"priority-{self.priority}")
        check_name("rule", name)
        self._set(
            name=name,
            headers=_header_matches(self.headers, f"rule `{name}`"),
            tags=read_only(self.tags),
        )
        check_action(self.action, f"rule `{name}`")
        self._check_conditions()

    def _check_conditions(self) -> None:
        where = f"rule `{self.name}`"
        if self.path is not None and self.path_prefix is not None:
            raise ConfigurationError(f"{where} takes one of path and path_prefix")
        for path in (self.path, self.path_prefix):
            if path is not None:
                check_path(path, _PATH_LENGTH, where)
        check_flag(self.path_case_sensitive, f"{where}: path_case_sensitive")
        check_texts(self, where, "method")
        if self.method is not None and not 1 <= len(self.method) <= _METHOD_LENGTH:
            raise ConfigurationError(
                f"{where} has a method of {len(self.method)} characters, "
                f"not 1 to {_METHOD_LENGTH}"
            )
        if len(self.headers) > _HEADER_MATCHES:
            raise ConfigurationError(
                f"{where} matches {len(self.headers)} headers, "
                f"more than {_HEADER_MATCHES}"
            )
        conditions = (self.method, self.path, self.path_prefix, *self.headers)
        if not any(each is not None for each in conditions):
            # AWS: vpc-lattice/latest/APIReference/API_HttpMatch
            raise advised(
                f"{where} has no condition",
                "give a method, path, path_prefix or headers",
            )

    @property
    def header_matches(self) -> tuple[HeaderMatch, ...]:
        """The conditions on headers, one by one."""
        return cast("tuple[HeaderMatch, ...]", self.headers)


def _header_matches(
    headers: Mapping[str, str] | Sequence[HeaderMatch], where: str
) -> tuple[HeaderMatch, ...]:
    if isinstance(headers, Mapping):
        return tuple(HeaderMatch(name, exact=headers[name]) for name in headers)
    return listed(headers, where, "headers", HeaderMatch)


@dataclass(frozen=True, slots=True, repr=False)
class Listener(Value):
    """A port of a service with its rules.

    Args:
        protocol: ``HTTP``, ``HTTPS`` or ``TLS_PASSTHROUGH``.
        port: 1 to 65535; 80 for HTTP and 443 otherwise unless given.
        default: the action when no rule matches.
        rules: tried by priority; their order here does not matter.
        name: unique in the service; ``<protocol>-<port>`` unless given.
        tags: tags.
        source: where it was written, which loaders fill in.

    Raises:
        ConfigurationError: a limit of AWS, or two rules with one priority or name.

    AWS: vpc-lattice/latest/ug/listeners
    """

    protocol: ListenerProtocol
    port: int = LEFT_OUT
    _: KW_ONLY
    default: Action
    rules: Sequence[Rule] = ()
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    source: SourceLocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Fill in port and name, sort the rules and check AWS's limits."""
        if self.protocol not in tuple(_DEFAULT_PORTS):
            raise ConfigurationError(
                f"listener protocol `{self.protocol}` is not "
                "HTTP, HTTPS or TLS_PASSTHROUGH"
            )
        port = given(self.port)
        if port is None:
            port = DerivedNumber(_DEFAULT_PORTS[self.protocol])
        if not is_whole(port, _PORTS):
            raise ConfigurationError(f"listener port `{port!r}` is not from 1 to 65535")
        derived = f"{self.protocol.lower().replace('_', '-')}-{port}"
        name = given(self.name) or DerivedText(derived)
        check_name("listener", name)
        check_action(self.default, f"listener `{name}`")
        rules = listed(self.rules, f"listener `{name}`", "rules", Rule)
        rules = tuple(sorted(rules, key=lambda rule: rule.priority))
        self._set(port=port, name=name, rules=rules, tags=read_only(self.tags))
        self._check_rules()

    def _check_rules(self) -> None:
        where = f"listener `{self.name}`"
        if self.protocol == "TLS_PASSTHROUGH":
            # AWS: vpc-lattice/latest/ug/tls-listeners
            if self.rules or isinstance(self.default, FixedResponse):
                raise ConfigurationError(
                    f"{where}: TLS_PASSTHROUGH takes no rules, "
                    "only a default that forwards"
                )
            return
        for before, after in zip(self.rules, self.rules[1:], strict=False):
            if before.priority == after.priority:
                raise ConfigurationError(
                    f"{where}: rules `{before.name}` and `{after.name}` "
                    f"both have priority {before.priority}"
                )
        if twice := first_twice(rule.name for rule in self.rules):
            raise ConfigurationError(f"{where} has two rules named `{twice}`")

    @property
    def scheme(self) -> str:
        """The URL scheme by which clients reach it."""
        return "http" if self.protocol == "HTTP" else "https"


@dataclass(frozen=True, slots=True, repr=False)
class Service(Value):
    """A service: what clients call by a DNS name.

    Args:
        name: 3 to 40 of a-z, 0-9 and hyphens, unique in account and Region.
        listeners: one for each port.
        auth_type: ``AWS_IAM`` or ``NONE``, with which a policy is inactive; where it
            is left out, ``AWS_IAM`` if there is an auth policy.
        auth_policy: who may call it: a mapping, or the JSON text of one.
        custom_domain_name: a second name for clients, such as ``api.example.com``.
        certificate_arn: the ACM certificate for the custom domain name; without
            one, HTTPS to that name fails as it does on AWS.
        idle_timeout_seconds: 60 to 600.
        account: the 12-digit owner.
        region: the Region.
        tags: tags.
        id: ``svc-`` and 17 characters, as policies written for a deployed one
            have it; derived from account, Region and name unless given.
        source: where it was written, which loaders fill in.
        auth_policy_source: where its auth policy was written, if that is a resource
            of its own, which loaders fill in.

    Raises:
        ConfigurationError: a limit of AWS, or two listeners with one port or name.

    AWS: vpc-lattice/latest/ug/services
    """

    name: str
    _: KW_ONLY
    listeners: Sequence[Listener] = ()
    auth_type: AuthType | Literal[""] = ""
    auth_policy: PolicyDocument | None = None
    custom_domain_name: str | None = None
    certificate_arn: str | None = None
    idle_timeout_seconds: int = 60
    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    id: str = ""
    source: SourceLocation | None = field(default=None, compare=False)
    auth_policy_source: SourceLocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Check AWS's limits."""
        check_name("service", self.name)
        check_owner(self.account, self.region)
        where = f"service `{self.name}`"
        listeners = listed(self.listeners, where, "listeners", Listener)
        auth_type, policy = check_auth(self.auth_type, self.auth_policy, where)
        self._set(
            listeners=listeners,
            auth_type=auth_type,
            auth_policy=policy,
            id=given_id("svc", self.id, self, where),
            tags=read_only(self.tags),
        )
        if not is_whole(self.idle_timeout_seconds, _IDLE_TIMEOUTS):
            raise ConfigurationError(
                f"{where}: idle timeout `{self.idle_timeout_seconds!r}` "
                "is not from 60 to 600 seconds"
            )
        check_texts(self, where, "custom_domain_name", "certificate_arn")
        if self.custom_domain_name and not _CUSTOM_DOMAIN.fullmatch(
            self.custom_domain_name
        ):
            raise ConfigurationError(
                f"{where}: custom domain name `{self.custom_domain_name}` "
                "is not a domain name of 3 to 255 characters"
            )
        self._check_listeners(where)

    def _check_listeners(self, where: str) -> None:
        for listener in self.listeners:
            if listener.protocol == "TLS_PASSTHROUGH" and not self.custom_domain_name:
                # AWS: vpc-lattice/latest/ug/tls-listeners
                raise ConfigurationError(
                    f"{where}: listener `{listener.name}` is TLS_PASSTHROUGH, "
                    "which needs a custom domain name"
                )
        if port := first_twice(listener.port for listener in self.listeners):
            raise ConfigurationError(f"{where} has two listeners on port {port}")
        if name := first_twice(listener.name for listener in self.listeners):
            raise ConfigurationError(f"{where} has two listeners named `{name}`")

    @property
    def arn(self) -> str:
        """The ARN."""
        return lattice_arn(
            f"service/{self.id}", account=self.account, region=self.region
        )

    @property
    def dns_name(self) -> str:
        """The generated DNS name."""
        return service_dns_name(self.name, self.id, self.region)

    def listener_arn(self, listener: Listener) -> str:
        """Write the ARN of one of its listeners."""
        listener_id = identifier("listener", self.arn, listener.name)
        return f"{self.arn}/listener/{listener_id}"

    def rule_arn(self, listener: Listener, rule: Rule | None) -> str:
        """Write the ARN of a rule of a listener; None is the default rule."""
        return rule_arn(self.listener_arn(listener), rule)


def rule_arn(listener_arn: str, rule: Rule | None) -> str:
    """Write the ARN of a rule; None is the default rule."""
    name = rule.name if rule else "default rule"
    return f"{listener_arn}/rule/{identifier('rule', listener_arn, name)}"
