"""From the settings to a warm classifier; runs in a thread while the service is already alive."""

from __future__ import annotations

from dataclasses import dataclass

from service.bundles import Bundle, SigningKeyError, TrustedSigners, find_bundles, load_bundle
from service.classifier import Classifier, OnnxClassifier
from service.cores import usable_cores
from service.errors import BundleError, InferenceFailed
from service.memory import giving_back
from service.providers.lone import MOST_THREADS
from service.providers.options import ProviderOptions
from service.settings import Settings, flag, variable


def load_classifier(settings: Settings) -> Classifier:
    """Return the classifier that the settings ask for, warmed up for every batch size.

    Raises:
        BundleError: there is no such bundle, or it is not what it says.
        SigningKeyError: signatures are asked for, and the file of keys is none.
        ProviderUnavailable: the execution provider cannot work here.
    """
    if "/" in settings.model:
        bundle = load_bundle(settings.bundles / settings.model, trusted=trusted_signers(settings))
    else:
        bundle = choose_bundle(known_bundles(settings), settings)
    with giving_back():
        classifier = OnnxClassifier(
            bundle, provider=settings.provider, options=provider_options(settings)
        )
        try:
            classifier.warm_up(settings.max_batch)
        except InferenceFailed as error:
            raise BundleError(
                f"{bundle.model_path} gives no finite logits when it is warmed up; "
                f"export the bundle again"
            ) from error
    classifier.widen()
    return classifier


def provider_options(settings: Settings) -> ProviderOptions:
    """Return how the settings ask for providers other than the CPU."""
    return ProviderOptions(
        max_batch=settings.max_batch,
        parallel_runs=settings.inference_threads or usable_cores(),
        lone_threads=settings.lone_threads or min(usable_cores(), MOST_THREADS),
        gpu_device=settings.gpu_device,
        gpu_memory_bytes=settings.gpu_memory_bytes,
        cuda_graphs=settings.cuda_graphs,
        tensorrt_cache=settings.tensorrt_cache,
        tensorrt_fp16=settings.tensorrt_fp16,
        openvino_precision=settings.openvino_precision,
    )


@dataclass(frozen=True, slots=True)
class WantedBundles:
    """What the settings ask to serve, by name and version, and which of it is the default."""

    bundles: tuple[Bundle, ...]
    default: Bundle


def wanted_bundles(settings: Settings) -> WantedBundles:
    """Return the bundles to serve: those that ``models`` names, else the newest of each name.

    Raises:
        BundleError: a name is not there, there are too many, or one of the folder is broken.
        SigningKeyError: signatures are asked for, and the file of keys is none.
    """
    known = known_bundles(settings)
    default = choose_bundle(known, settings)
    # What comes later takes its name's place: the newest version, and a version that is pinned.
    newest = {bundle.manifest.name: bundle for bundle in (*known, default)}
    named = [_find(known, name, settings) for name in settings.models] or [*newest.values()]
    wanted = tuple(bundle for bundle in known if bundle in (*named, default))
    if len(wanted) > settings.max_models:
        raise BundleError(
            f"{settings.bundles} has {len(wanted)} models to serve, and {settings.max_models} may "
            f"be; name some with {flag('models')} or {variable('models')}, or raise "
            f"{flag('max_models')} or {variable('max_models')}"
        )
    return WantedBundles(wanted, default)


def known_bundles(settings: Settings) -> tuple[Bundle, ...]:
    """Return every bundle that may be served, the newest version of each name last.

    Raises:
        BundleError: one of them is broken, or not signed where signatures are asked for.
        SigningKeyError: signatures are asked for, and the file of keys is none.
    """
    return find_bundles(settings.bundles, trusted=trusted_signers(settings))


def trusted_signers(settings: Settings) -> TrustedSigners | None:
    """Return who may sign bundles; None where nobody has to.

    Raises:
        SigningKeyError: the file that says whom to trust is none, or what reads it is missing.
    """
    key, root = settings.bundle_public_key, settings.bundle_trusted_root
    try:
        if key is not None:
            from service.signatures import TrustedKeys  # noqa: PLC0415  # the extra `signing`

            return TrustedKeys.read(key)
        if root is not None:
            from service.identities import TrustedIdentity  # noqa: PLC0415  # the extra `sigstore`

            return TrustedIdentity.read(root, settings.bundle_identity, settings.bundle_issuer)
    except ImportError as error:
        raise SigningKeyError(
            f"whoever signs bundles cannot be known: the package {error.name} is missing; "
            f"install rotulo with its extras `signing` and `sigstore`"
        ) from error
    return None


def choose_bundle(bundles: tuple[Bundle, ...], settings: Settings) -> Bundle:
    """Return the bundle that ``settings.model`` names; the newest version where it names none.

    Raises:
        BundleError: no bundle has that name, or none was named and there are several.
    """
    names = sorted({bundle.manifest.name for bundle in bundles})
    if not names:
        raise BundleError(
            f"no bundle in {settings.bundles}; export one into it, or name another folder with "
            f"{flag('bundles')} or {variable('bundles')}"
        )
    if not settings.model and len(names) > 1:
        raise BundleError(
            f"{settings.bundles} has several models ({', '.join(names)}); choose one with "
            f"{flag('model')} or {variable('model')}"
        )
    return _find(bundles, settings.model or names[0], settings)


def _find(bundles: tuple[Bundle, ...], wanted: str, settings: Settings) -> Bundle:
    """Return the bundle ``NAME/VERSION``, or the newest of ``NAME``."""
    name, _, version = wanted.partition("/")
    fitting = [
        bundle
        for bundle in bundles
        if bundle.manifest.name == name and version in {"", bundle.manifest.version}
    ]
    if not fitting:
        known = ", ".join("/".join(bundle.manifest.ref) for bundle in bundles)
        raise BundleError(f"no bundle {wanted} in {settings.bundles}; it has {known}")
    return fitting[-1]
