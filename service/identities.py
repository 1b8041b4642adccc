"""Who vouches for a bundle by name instead of by a key: a Sigstore signature of its digests.

::

    bundle.sha256                  the digests, as ``service.signatures`` writes them
    bundle.sha256.sigstore.json    signature, certificate of a few minutes, proof of its log entry

Signing needs a network and somebody's log-in, and is left to ``sigstore sign`` or ``cosign
sign-blob``. Checking needs neither: all that it takes is in that file, and whom to believe is in
the ``trusted_root.json`` of the public Sigstore, or of one's own. Needs the extra ``sigstore``.
Source: https://docs.sigstore.dev/about/bundle/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle as Proof
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from service.bundles import SigningKeyError, UntrustedBundle
from service.signatures import REMEDY, SIGSTORE_FILE, check_files, read_signed

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrustedIdentity:
    """Somebody whom an OpenID Connect issuer knows, and a Sigstore instance that saw them sign."""

    identity: str
    issuer: str
    verifier: Verifier

    @classmethod
    def read(cls, trusted_root: Path, identity: str, issuer: str) -> Self:
        """Return who may sign, by the keys and certificates of an instance's ``trusted_root.json``.

        Raises:
            SigningKeyError: the file cannot be read, or is none of Sigstore's.
        """
        try:
            verifier = Verifier(trusted_root=TrustedRoot.from_file(str(trusted_root)))
        except OSError as error:
            raise SigningKeyError(f"{trusted_root} cannot be read ({error.strerror})") from error
        except (SigstoreError, ValueError) as error:
            raise SigningKeyError(f"{trusted_root} is no trusted root of Sigstore") from error
        return cls(identity, issuer, verifier)

    def check(self, folder: Path) -> None:
        """Return when a bundle is signed by the identity and every file of it is as signed.

        Raises:
            UntrustedBundle: it is not; names the file and what to do.
        """
        text, proof = read_signed(folder, SIGSTORE_FILE, self.identity)
        policy = Identity(identity=self.identity, issuer=self.issuer)
        try:
            self.verifier.verify_artifact(text, Proof.from_json(proof), policy)
        except Exception as error:  # whatever a stranger's file does to the library, it is no proof
            why = str(error).partition("\n")[0]
            raise UntrustedBundle(
                f"{folder / SIGSTORE_FILE} does not prove that {self.identity} of {self.issuer} "
                f"signed it ({why}); {REMEDY}"
            ) from error
        check_files(folder, text)
