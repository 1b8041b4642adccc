"""A Sigstore instance in miniature, with keys of its own: an authority, its log, a log of entries.

It signs as the public one does (Fulcio's certificates with an SCT, Rekor's entries of version
0.0.1 with promise, proof and checkpoint), so that what checks a signature runs whole, without a
network. Sources: RFC 6962; https://github.com/sigstore/protobuf-specs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOG: Final = "registro.prueba"
ISSUER_OID: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
SCT_LIST_OID: Final = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
MINUTES: Final = timedelta(minutes=10)
SHA256_WITH_ECDSA: Final = bytes([4, 3])


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(_spki(key)).digest()


def _signed(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class SigstoreInstance:
    """Authority and logs, whose word holds wherever ``trusted_root`` is believed."""

    _authority_key: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    _certificates_key: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    _entries_key: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    _now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __post_init__(self) -> None:
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "autoridad.prueba")])
        public = self._authority_key.public_key()
        self._authority = (
            self._certificate(self._name, public, timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True), critical=True)
            .sign(self._authority_key, hashes.SHA256())
        )

    def trusted_root(self) -> str:
        """Return what a verifier believes, as the JSON of a ``trusted_root.json``."""
        since = {"start": (self._now - timedelta(days=1)).isoformat().replace("+00:00", "Z")}

        def log(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
            details = {"rawBytes": _b64(_spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
            return {
                "baseUrl": f"https://{LOG}",
                "hashAlgorithm": "SHA2_256",
                "publicKey": details | {"validFor": since},
                "logId": {"keyId": _b64(_key_id(key))},
            }

        chain = {"certificates": [{"rawBytes": _b64(self._authority.public_bytes(Encoding.DER))}]}
        authority = {
            "subject": {"organization": "prueba", "commonName": "autoridad.prueba"},
            "uri": "https://autoridad.prueba",
            "certChain": chain,
            "validFor": since,
        }
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [log(self._entries_key)],
                "certificateAuthorities": [authority],
                "ctlogs": [log(self._certificates_key)],
                "timestampAuthorities": [],
            }
        )

    def sign(self, data: bytes, identity: str, issuer: str) -> dict[str, Any]:
        """Return the Sigstore bundle, of version 0.3, by which somebody signs data."""
        key = _key()
        certificate = self._certify(key.public_key(), identity, issuer)
        signature = _signed(key, data)
        digest = hashlib.sha256(data).digest()
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": _b64(certificate.public_bytes(Encoding.DER))},
                "tlogEntries": [self._enter(certificate, signature, digest)],
            },
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": _b64(digest)},
                "signature": _b64(signature),
            },
        }

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, lasting: timedelta
    ) -> x509.CertificateBuilder:
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(
            self._authority_key.public_key()
        )
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - MINUTES)
            .not_valid_after(self._now + lasting)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(issuer_id, critical=False)
        )

    def _certify(
        self, key: ec.EllipticCurvePublicKey, identity: str, issuer: str
    ) -> x509.Certificate:
        """Issue a certificate with the promise of its log in it (RFC 6962, section 3.2 and 3.3)."""
        whole = (
            self._certificate(x509.Name([]), key, MINUTES)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(identity)]), critical=True)
            .add_extension(x509.UnrecognizedExtension(ISSUER_OID, issuer.encode()), critical=False)
        )
        logged = whole.sign(self._authority_key, hashes.SHA256()).tbs_certificate_bytes
        when = struct.pack("!Q", int(self._now.timestamp() * 1000))
        entry = _key_id(self._authority_key) + len(logged).to_bytes(3, "big") + logged
        promised = bytes([0, 0]) + when + bytes([0, 1]) + entry + bytes([0, 0])
        signature = _signed(self._certificates_key, promised)
        sct = bytes([0]) + _key_id(self._certificates_key) + when + bytes([0, 0])
        sct += SHA256_WITH_ECDSA + struct.pack("!H", len(signature)) + signature
        scts = struct.pack("!HH", len(sct) + 2, len(sct)) + sct
        octets = bytes([4, len(scts)]) + scts  # DER's short form, since they are fewer than 128
        return whole.add_extension(
            x509.UnrecognizedExtension(SCT_LIST_OID, octets), critical=False
        ).sign(self._authority_key, hashes.SHA256())

    def _enter(
        self, certificate: x509.Certificate, signature: bytes, digest: bytes
    ) -> dict[str, Any]:
        """Return the only entry of the log, with the log's promise and the proof that it is in."""
        spec = {
            "signature": {
                "content": _b64(signature),
                "publicKey": {"content": _b64(certificate.public_bytes(Encoding.PEM))},
            },
            "data": {"hash": {"algorithm": "sha256", "value": digest.hex()}},
        }
        record = {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}
        body = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
        log_id, when = _key_id(self._entries_key), int(self._now.timestamp())
        promise = {
            "body": _b64(body), "integratedTime": when, "logID": log_id.hex(), "logIndex": 0
        }  # fmt: skip
        promised = json.dumps(promise, sort_keys=True, separators=(",", ":")).encode()
        root = hashlib.sha256(bytes([0]) + body).digest()
        note = f"{LOG}\n1\n{_b64(root)}\n"
        noted = _b64(log_id[:4] + _signed(self._entries_key, note.encode()))
        return {
            "logIndex": "0",
            "logId": {"keyId": _b64(log_id)},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.1"},
            "integratedTime": str(when),
            "inclusionPromise": {
                "signedEntryTimestamp": _b64(_signed(self._entries_key, promised))
            },
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": _b64(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n\N{EM DASH} {LOG} {noted}\n"},
            },
            "canonicalizedBody": _b64(body),
        }


def _usage(*, key_cert_sign: bool = False, digital_signature: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature, key_cert_sign=key_cert_sign, crl_sign=key_cert_sign,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
