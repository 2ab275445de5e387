"""Development certificates: one certificate for given host names, signed by a new certificate authority.

The authority's private key is discarded after signing, so the authority cannot sign another certificate; each new
certificate has a new authority. Writes no files and reads no clock.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

# Development certificates are replaced, not renewed.
_VALID = timedelta(days=365)
# Allows for the clocks of two machines to differ.
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with the issuing authority and the private key, all as PEM.

    Attributes:
        ca: The certificate of the issuing authority.
        certificate: The certificate.
        private_key: The private key of the certificate.
    """

    ca: bytes
    certificate: bytes
    private_key: bytes = field(repr=False)


def issue(name: str, hosts: Collection[str], *, now: datetime, both_ends: bool = False) -> Issued:
    """Make a certificate that is valid for a year.

    Args:
        name: The common name of the certificate's subject.
        hosts: Host names and IP addresses that the certificate covers.
        now: When the certificate begins to be valid.
        both_ends: Whether the subject also presents the certificate as a client.
    """
    authority, owner = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name("Podfolio development authority")
    lasting = x509.CertificateBuilder().not_valid_before(now - _SKEW).not_valid_after(now + _VALID)
    root = (
        lasting.subject_name(issuer)
        .issuer_name(issuer)
        .public_key(authority.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, *([ExtendedKeyUsageOID.CLIENT_AUTH] if both_ends else [])]
    leaf = (
        lasting.subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(owner.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = owner.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    return Issued(root.public_bytes(pem), leaf.public_bytes(pem), secret)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
