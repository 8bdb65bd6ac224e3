"""Certificate authorities that a test makes, what they sign, and the mounted folders in which services find it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key (PKCS #8), both as PEM."""

    certificate: bytes
    key: bytes

    @property
    def both(self) -> bytes:
        """As Kafka's PEM key stores want it."""
        return self.key + self.certificate


class Authority:
    """A CA as ``openssl req -x509`` makes it, which names no key usage."""

    def __init__(self) -> None:
        self._name = name = f"CA {uuid4().hex[:8]}"
        self._key = ec.generate_private_key(ec.SECP256R1())
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        builder = _builder(name, name, self._key).add_extension(constraints, critical=True)
        self.certificate = _pem(builder.sign(self._key, hashes.SHA256()))

    def server(self, *names: str) -> Issued:
        """For a server that is called by these IP addresses and host names, and by no others."""
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        key = ec.generate_private_key(ec.SECP256R1())
        return self._sign(_builder(self._name, "server", key).add_extension(alternatives, critical=False), key)

    def client(self, name: str) -> Issued:
        """For a client, whom Kafka then calls ``CN=name``."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._sign(_builder(self._name, name, key), key)

    def _sign(self, builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> Issued:
        pem, pkcs8, bare = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return Issued(_pem(builder.sign(self._key, hashes.SHA256())), key.private_bytes(pem, pkcs8, bare))


class MountedSecret:
    """A folder as the kubelet makes it of a secret: its files are links through ``..data``, which is swapped at once."""

    def __init__(self, folder: Path, files: Mapping[str, bytes]) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.replace(files)

    def path(self, name: str) -> str:
        """Where a file of it is."""
        return str(self.folder / name)

    def replace(self, files: Mapping[str, bytes]) -> None:
        """What the kubelet does when the secret has changed."""
        data, link = self.folder / "..data", self.folder / "..data_tmp"
        before = data.resolve() if data.exists() else None
        version = self.folder / f"..{uuid4().hex}"
        version.mkdir()
        for name, content in files.items():
            (version / name).write_bytes(content)
        link.symlink_to(version.name)
        link.replace(data)
        self._link(set(files))
        if before is not None:
            shutil.rmtree(before)

    def _link(self, names: set[str]) -> None:
        for name in names:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        for entry in self.folder.iterdir():
            if not entry.name.startswith("..") and entry.name not in names:
                entry.unlink()


def _builder(issuer: str, subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(_named(issuer))
        .subject_name(_named(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
