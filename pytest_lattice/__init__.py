"""pytest-lattice puts an Amazon VPC Lattice service network inside a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_lattice.assertions.auth import assert_allowed, assert_denied
    from pytest_lattice.assertions.logs import assert_logged
    from pytest_lattice.assertions.matrix import AccessMatrix, access_matrix
    from pytest_lattice.assertions.routes import assert_routed
    from pytest_lattice.assertions.weights import assert_weights
    from pytest_lattice.clients.listener import LiveServer
    from pytest_lattice.clients.proxy import LiveProxy
    from pytest_lattice.clients.signing import SigV4Auth
    from pytest_lattice.clock import Clock
    from pytest_lattice.decision.decide import Decision
    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.errors import (
        BlockingCallError,
        ConfigurationError,
        DeliveryError,
        EgressError,
        LatticeAssertionError,
        LatticeError,
        LatticeWarning,
        TargetError,
        UnsupportedFeatureError,
    )
    from pytest_lattice.loaders.account import load_account
    from pytest_lattice.loaders.boto import snapshot_account
    from pytest_lattice.loaders.cloudformation.load import load_cloudformation
    from pytest_lattice.loaders.cloudformation.stacks import CloudFormationStack
    from pytest_lattice.loaders.document import dump, load
    from pytest_lattice.loaders.gateway_api.load import load_gateway_api
    from pytest_lattice.loaders.terraform.load import load_terraform
    from pytest_lattice.loaders.topology import export
    from pytest_lattice.logs.metrics import Datapoint, Metrics
    from pytest_lattice.logs.query import AccessLog
    from pytest_lattice.model.access_log import AccessLogEntry, AccessLogSubscription
    from pytest_lattice.model.action import FixedResponse, Forward, WeightedTargetGroup
    from pytest_lattice.model.auth_settings import AuthSettings
    from pytest_lattice.model.caller import Certificate, Role, User
    from pytest_lattice.model.credentials import Credentials
    from pytest_lattice.model.fault import Fault
    from pytest_lattice.model.log_destination import LogDestination
    from pytest_lattice.model.message import LatticeRequest, LatticeResponse
    from pytest_lattice.model.outcome import (
        Admitted,
        Denied,
        Forwarded,
        Unreachable,
        Unroutable,
    )
    from pytest_lattice.model.service import HeaderMatch, Listener, Rule, Service
    from pytest_lattice.model.service_network import (
        Organization,
        ResourceShare,
        ServiceAssociation,
        ServiceNetwork,
        Vpc,
        VpcAssociation,
    )
    from pytest_lattice.model.source import SourceLocation
    from pytest_lattice.model.target_group import HealthCheck, Target, TargetGroup
    from pytest_lattice.model.target_health import TargetHealth, TargetHealthTable
    from pytest_lattice.network import LatticeNetwork
    from pytest_lattice.rollout.step import RolloutResult, RolloutStep, StepResult
    from pytest_lattice.targets.base import (
        AppTarget,
        AsyncTargetReply,
        TargetReply,
        TargetRequest,
    )
    from pytest_lattice.targets.grpc_servicers import GrpcTarget
    from pytest_lattice.targets.lambda_event import LambdaSettings

__all__ = [
    "AccessLog",
    "AccessLogEntry",
    "AccessLogSubscription",
    "AccessMatrix",
    "Admitted",
    "AppTarget",
    "AsyncTargetReply",
    "AuthSettings",
    "BlockingCallError",
    "Certificate",
    "Clock",
    "CloudFormationStack",
    "ConfigurationError",
    "Credentials",
    "Datapoint",
    "Decision",
    "DeliveryError",
    "Denied",
    "EgressError",
    "Exchange",
    "Fault",
    "FixedResponse",
    "Forward",
    "Forwarded",
    "GrpcTarget",
    "HeaderMatch",
    "HealthCheck",
    "LambdaSettings",
    "LatticeAssertionError",
    "LatticeError",
    "LatticeNetwork",
    "LatticeRequest",
    "LatticeResponse",
    "LatticeWarning",
    "Listener",
    "LiveProxy",
    "LiveServer",
    "LogDestination",
    "Metrics",
    "Organization",
    "ResourceShare",
    "Role",
    "RolloutResult",
    "RolloutStep",
    "Rule",
    "Service",
    "ServiceAssociation",
    "ServiceNetwork",
    "SigV4Auth",
    "SourceLocation",
    "StepResult",
    "Target",
    "TargetError",
    "TargetGroup",
    "TargetHealth",
    "TargetHealthTable",
    "TargetReply",
    "TargetRequest",
    "Unreachable",
    "Unroutable",
    "UnsupportedFeatureError",
    "User",
    "Vpc",
    "VpcAssociation",
    "WeightedTargetGroup",
    "access_matrix",
    "assert_allowed",
    "assert_denied",
    "assert_logged",
    "assert_routed",
    "assert_weights",
    "dump",
    "export",
    "load",
    "load_account",
    "load_cloudformation",
    "load_gateway_api",
    "load_terraform",
    "snapshot_account",
]

# The module of each public name, imported when the name is first used, so that
# merely installing the package costs a test run nothing.
_MODULES = {
    "assertions.auth": ("assert_allowed", "assert_denied"),
    "assertions.logs": ("assert_logged",),
    "assertions.matrix": ("AccessMatrix", "access_matrix"),
    "assertions.routes": ("assert_routed",),
    "assertions.weights": ("assert_weights",),
    "clients.listener": ("LiveServer",),
    "clients.proxy": ("LiveProxy",),
    "clients.signing": ("SigV4Auth",),
    "clock": ("Clock",),
    "decision.decide": ("Decision",),
    "decision.exchange": ("Exchange",),
    "errors": (
        "BlockingCallError",
        "ConfigurationError",
        "DeliveryError",
        "EgressError",
        "LatticeAssertionError",
        "LatticeError",
        "LatticeWarning",
        "TargetError",
        "UnsupportedFeatureError",
    ),
    "loaders.account": ("load_account",),
    "loaders.boto": ("snapshot_account",),
    "loaders.cloudformation.stacks": ("CloudFormationStack",),
    "loaders.cloudformation.load": ("load_cloudformation",),
    "loaders.document": ("dump", "load"),
    "loaders.gateway_api.load": ("load_gateway_api",),
    "loaders.topology": ("export",),
    "logs.metrics": ("Datapoint", "Metrics"),
    "loaders.terraform.load": ("load_terraform",),
    "logs.query": ("AccessLog",),
    "model.access_log": ("AccessLogEntry", "AccessLogSubscription"),
    "model.action": ("FixedResponse", "Forward", "WeightedTargetGroup"),
    "model.auth_settings": ("AuthSettings",),
    "model.caller": ("Certificate", "Role", "User"),
    "model.credentials": ("Credentials",),
    "model.fault": ("Fault",),
    "model.log_destination": ("LogDestination",),
    "model.message": ("LatticeRequest", "LatticeResponse"),
    "model.outcome": (
        "Admitted",
        "Denied",
        "Forwarded",
        "Unreachable",
        "Unroutable",
    ),
    "model.service": ("HeaderMatch", "Listener", "Rule", "Service"),
    "model.service_network": (
        "Organization",
        "ResourceShare",
        "ServiceAssociation",
        "ServiceNetwork",
        "Vpc",
        "VpcAssociation",
    ),
    "model.source": ("SourceLocation",),
    "model.target_group": ("HealthCheck", "Target", "TargetGroup"),
    "model.target_health": ("TargetHealth", "TargetHealthTable"),
    "network": ("LatticeNetwork",),
    "rollout.step": ("RolloutResult", "RolloutStep", "StepResult"),
    "targets.base": ("AppTarget", "AsyncTargetReply", "TargetReply", "TargetRequest"),
    "targets.grpc_servicers": ("GrpcTarget",),
    "targets.lambda_event": ("LambdaSettings",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
