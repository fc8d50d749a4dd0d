"""The headers that tell a target who calls.

A target behind Lattice knows its caller by these and by nothing else.
AWS: vpc-lattice/latest/ug/http-targets
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.model.caller import Role

if TYPE_CHECKING:
    from pytest_lattice.auth.identity import Identity
    from pytest_lattice.model.auth_settings import AuthSettings
    from pytest_lattice.model.message import Headers

IDENTITY = "x-amzn-lattice-identity"
TAGS = "x-amzn-lattice-identity-tags"
_MOST_TAGS = 99
# The header's key for each attribute of a certificate.
_CERTIFICATE_KEYS = {
    "X509Issuer/OU": "issuer_ou",
    "X509SAN/DNS": "san_dns",
    "X509SAN/NameCN": "san_name_cn",
    "X509SAN/URI": "san_uri",
    "X509Subject/CN": "subject_cn",
}


def identity_headers(identity: Identity, settings: AuthSettings) -> Headers:
    """Build the identity headers.

    Args:
        identity: who calls.
        settings: what to choose where AWS is silent.

    Returns:
        Pairs of name and value; none for an anonymous caller, unless the settings
        ask for empty values.
    """
    if identity.is_anonymous:
        if settings.anonymous_identity == "absent":
            return ()
        empty = {"Principal": "", "PrincipalOrgID": "", "SessionName": ""}
        return ((IDENTITY, _joined(empty, "; ", settings)),)
    pairs = {"Principal": identity.principal, "PrincipalOrgID": identity.org_id or ""}
    if identity.org_path:
        pairs["PrincipalOrgPath"] = identity.org_path
    caller = identity.caller
    if isinstance(caller, Role):
        pairs["SessionName"] = caller.session
        if caller.certificate is not None:
            pairs |= {
                key: value
                for key, name in _CERTIFICATE_KEYS.items()
                if (value := getattr(caller.certificate, name))
            }
    pairs["Type"] = "AWS_IAM"
    tags = {
        "principal": identity.principal,
        "principalorgid": identity.org_id or "",
        "principalorgpath": identity.org_path or "",
        # AWS: up to 99 tags
        **dict(list(identity.tags.items())[:_MOST_TAGS]),
    }
    return (
        # AWS: real requests separate with "; " and end without one
        (IDENTITY, _joined(pairs, "; ", settings)),
        (TAGS, _joined(tags, ";", settings)),
    )


def _joined(pairs: dict[str, str], separator: str, settings: AuthSettings) -> str:
    # AWS: the order is not guaranteed, and semicolons in values are escaped
    written = [
        f"{key}={value.replace(';', chr(92) + ';')}" for key, value in pairs.items()
    ]
    if settings.identity_order == "reversed":
        written.reverse()
    # Headers are latin-1 text here; tags may be any.
    return separator.join(written).encode().decode("latin-1")
