"""Certificates for the metrics APIs: made, read, bundled and put into a TLS context."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_NAME = "lagscaler-ca"
# A clock that is a little behind ours must not find a new certificate "not yet valid".
BACKDATED = timedelta(minutes=5)
RENEW_AFTER = 2 / 3
# Of our CAs in a bundle: the one in use, the one before it, and one that was announced by a process that was killed.
MOST_BUNDLED = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its key, and the CA to trust it by; all PEM."""

    certificate: bytes
    key: bytes
    ca: bytes

    def renewed_at(self) -> datetime:
        """When two thirds of its life are over. Raises ValueError if it is no certificate."""
        found = x509.load_pem_x509_certificate(self.certificate)
        begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
        return begins + (ends - begins) * RENEW_AFTER

    def is_over(self, now: datetime) -> bool:
        """Whether nobody believes it any more. Raises ValueError if it is no certificate."""
        return x509.load_pem_x509_certificate(self.certificate).not_valid_after_utc <= now

    def is_for(self, names: Sequence[str]) -> bool:
        """Whether it can be used for all of `names`, key and CA fitting."""
        try:
            found = x509.load_pem_x509_certificate(self.certificate)
            alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            key = serialization.load_pem_private_key(self.key, None)
            found.verify_directly_issued_by(x509.load_pem_x509_certificate(self.ca))
        except (ValueError, TypeError, x509.ExtensionNotFound, InvalidSignature):
            return False
        same_key = key.public_key() == found.public_key()
        return same_key and set(names) <= set(alternative.get_values_for_type(x509.DNSName))


def service_names(service: str, namespace: str) -> tuple[str, ...]:
    """The names by which a Service is called; the API server uses the first."""
    return (f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local", f"{service}.{namespace}", service)


def make_pair(names: Sequence[str], life: timedelta, now: datetime) -> Pair:
    """A new CA and a certificate by it. The CA's key is thrown away: nothing else is ever signed with it."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CA_NAME)])
    ca_usage = _usage(signs_certificates=True)
    ca = (
        _builder(ca_name, ca_name, ca_key, life, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(ca_usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate = (
        _builder(subject, ca_name, key, life, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key_pem = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Pair(certificate.public_bytes(pem), key_pem, ca.public_bytes(pem))


def bundle(before: bytes, cas: Sequence[bytes], now: datetime) -> bytes:
    """`cas`, newest first, and our CAs from `before` that are still valid; others' are not ours to trust."""
    found: list[x509.Certificate] = []
    for ca in (*cas, before):
        for certificate in _certificates(ca):
            ours = certificate.subject.rfc4514_string() == f"CN={CA_NAME}"
            if ours and certificate.not_valid_after_utc > now and certificate not in found:
                found.append(certificate)
    return b"".join(item.public_bytes(serialization.Encoding.PEM) for item in found[:MOST_BUNDLED])


def load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Into a TLS context, which takes files only: one in memory, since the root file system is read-only and a key has no
    business on a disk. Raises `ssl.SSLError` (an OSError) if they don't fit.
    """
    file = os.memfd_create("lagscaler", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(file), "wb") as writer:
            writer.write(certificate + b"\n" + key)
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)


def server_context(certificate: bytes, key: bytes, client_ca: str) -> ssl.SSLContext:
    """TLS 1.2 and up. A client may show a certificate; if it does, it must be of `client_ca`. Without a `client_ca`
    none is asked for. Raises `ssl.SSLError`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_pair(context, certificate, key)
    if client_ca:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=client_ca)
    return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - min(BACKDATED, life / 10))
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _certificates(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []
