"""``rotulo bundle``: make a key, sign a bundle, check a signature."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from service.errors import StartupError
from service.options import EXIT_FAILED, EXIT_USAGE, read_settings, with_settings
from service.settings import flag

bundle_cli = typer.Typer(name="bundle", no_args_is_help=True)


@bundle_cli.callback()
def bundle_callback() -> None:
    """Sign bundles, and check who vouches for them."""
    if find_spec("cryptography") is None:
        typer.echo("rotulo: signing needs rotulo's extra `signing`", err=True)
        raise typer.Exit(EXIT_FAILED)


_Folder = Annotated[Path, typer.Argument(help="Folder `NAME/VERSION` of a bundle.")]
_Passphrase = Annotated[
    Path | None,
    typer.Option(help="File with the passphrase of the private key.", metavar="FILE"),
]


@bundle_cli.command("key")
def key_command(
    key: Annotated[Path, typer.Argument(help="File to write; the public key goes to `FILE.pub`.")],
    *,
    passphrase_file: _Passphrase = None,
) -> None:
    """Make a key pair for signing; keep the private one away from the service and from git."""
    from service.signatures import create_key  # noqa: PLC0415  # the extra `signing`

    try:
        public = create_key(key, _passphrase(passphrase_file))
    except OSError as error:
        _fail(f"{error.filename} cannot be written ({error.strerror})", error)
    typer.echo(f"{key}\n{public}")


@bundle_cli.command("sign")
def sign_command(
    folder: _Folder,
    *,
    key: Annotated[Path, typer.Option(help="Private key, PEM.", metavar="FILE")],
    passphrase_file: _Passphrase = None,
) -> None:
    """Sign a whole bundle: `bundle.sha256` and `bundle.sha256.sig` beside its files."""
    from service.bundles import load_bundle  # noqa: PLC0415
    from service.signatures import read_private_key, sign  # noqa: PLC0415  # the extra `signing`

    try:
        load_bundle(folder.resolve())
        sign(folder, read_private_key(key, _passphrase(passphrase_file)))
    except StartupError as error:
        _fail(str(error), error)
    except OSError as error:
        _fail(f"{error.filename} cannot be written ({error.strerror})", error)


@bundle_cli.command("digests")
def digests_command(folder: _Folder) -> None:
    """Write `bundle.sha256` alone, for cosign or sigstore to sign."""
    from service.bundles import load_bundle  # noqa: PLC0415
    from service.signatures import write_digests  # noqa: PLC0415  # the extra `signing`

    try:
        load_bundle(folder.resolve())
        typer.echo(write_digests(folder))
    except StartupError as error:
        _fail(str(error), error)
    except OSError as error:
        _fail(f"{error.filename} cannot be written ({error.strerror})", error)


@bundle_cli.command("verify")
@with_settings("bundle_public_key", "bundle_trusted_root", "bundle_identity", "bundle_issuer")
def verify_command(folder: _Folder, **given: str) -> None:
    """Check a bundle as the service would at its start. Exit code 1 when it would be refused."""
    from service.bundles import load_bundle  # noqa: PLC0415
    from service.loading import trusted_signers  # noqa: PLC0415

    settings = read_settings(**given)
    try:
        trusted = trusted_signers(settings)
        if trusted is None:
            names = " or ".join(map(flag, ("bundle_public_key", "bundle_trusted_root")))
            typer.echo(f"rotulo: say by {names} who may sign bundles", err=True)
            raise typer.Exit(EXIT_USAGE)
        bundle = load_bundle(folder.resolve(), trusted=trusted)
    except StartupError as error:
        _fail(str(error), error)
    typer.echo(f"{bundle.manifest.name}/{bundle.manifest.version} {bundle.manifest.model_sha256}")


def _passphrase(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        _fail(f"{path} cannot be read ({error.strerror})", error)


def _fail(message: str, cause: Exception) -> NoReturn:
    typer.echo(f"rotulo: {message}", err=True)
    raise typer.Exit(EXIT_FAILED) from cause
