"""Every setting of the service, in one table; the only reader of the environment.

Each field is a variable ``ROTULO_NAME`` of the environment and a flag ``--name`` of
``python -m service serve``; a flag wins over the environment. ``settings_table`` renders them for
the README.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.addresses import Network
from service.keys import KeyScope
from service.providers.options import Precision, Provider
from service.quotas import Quota, parse_quotas

ENV_PREFIX: Final = "ROTULO_"
SHIPPED_BUNDLES: Final = Path(__file__).parent / "bundles"
BUNDLE_NAME: Final = r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)?"
BundleName = Annotated[str, StringConstraints(pattern=rf"^{BUNDLE_NAME}$")]
MIB: Final = 1024 * 1024
FEEDBACK_SCHEMES: Final = frozenset({"sqlite", "postgresql"})


class Settings(BaseSettings):
    """How one process of the service runs; frozen, and valid as soon as it exists."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    bundles: Path = Field(
        SHIPPED_BUNDLES, description="Folder of bundles, `NAME/VERSION/` each; the shipped ones."
    )
    model: str = Field(
        "",
        pattern=rf"^({BUNDLE_NAME})?$",
        description="Bundle that answers where none is named, `NAME` (its newest version) or "
        "`NAME/VERSION`; empty takes the only name there is.",
    )
    models: Annotated[tuple[BundleName, ...], NoDecode] = Field(
        (),
        description="Bundles to serve besides, `NAME` or `NAME/VERSION`, separated by commas; "
        "empty takes the newest version of each name.",
    )
    max_models: int = Field(8, ge=1, le=1000, description="Bundles that may be served at once.")
    reload_seconds: float = Field(
        0.0,
        ge=0,
        le=86400,
        description="Time between looks at the folder of bundles, to serve what is new; 0 never "
        "looks, and waits for SIGHUP or `/v1/admin/reload`.",
    )
    bundle_public_key: Path | None = Field(
        None,
        description="PEM file of the Ed25519 keys that may sign bundles; given, a bundle without "
        "their signature is refused.",
    )
    bundle_trusted_root: Path | None = Field(
        None,
        description="Instead of keys, the `trusted_root.json` of a Sigstore instance; given, a "
        "bundle that `ROTULO_BUNDLE_IDENTITY` did not sign by it is refused.",
    )
    bundle_identity: str = Field(
        "", description="Who may sign bundles by Sigstore: an e-mail address, or a workflow's URI."
    )
    bundle_issuer: str = Field(
        "", description="Who knows that identity: the URL of its OpenID Connect issuer."
    )
    provider: Provider = Field(
        "auto",
        description="Execution provider: `cpu`, `cuda`, `tensorrt`, `openvino` (no fall-back), or "
        "`auto`: CUDA or OpenVINO where they work and say what the CPU says, else the CPU.",
    )
    gpu_device: int = Field(0, ge=0, le=1023, description="Number of the GPU.")
    gpu_memory_bytes: int = Field(
        0, ge=0, description="Bytes that each model's arena may take of the GPU; 0 sets no bound."
    )
    cuda_graphs: bool = Field(
        True,  # noqa: FBT003  # a field's default, not an argument
        description="Record the kernels of each batch size once and replay them, on `cuda` and "
        "`tensorrt`.",
    )
    tensorrt_cache: Path | None = Field(
        None,
        description="Folder in which TensorRT keeps the engines that it built, which takes "
        "minutes; without it they are built at each start.",
    )
    tensorrt_fp16: bool = Field(
        False,  # noqa: FBT003  # a field's default, not an argument
        description="Let TensorRT compute in float16; the model's figures are of float32.",
    )
    openvino_precision: Precision = Field(
        "auto",
        description="What OpenVINO computes in: `f32`, `bf16`, `f16`, or `auto`: bfloat16 where "
        "the processor multiplies it (AMX, AVX-512 BF16), float32 elsewhere.",
    )
    inference_threads: int = Field(
        0,
        ge=0,
        le=1024,
        description="Threads that run the session; 0 is one per usable core. A GPU has one.",
    )
    lone_threads: int = Field(
        0,
        ge=0,
        le=64,
        description="Threads for an image while the CPU runs no other; 0 is one per usable core, "
        "at most 4, and 1 spares the memory of a second session.",
    )
    decode_threads: int = Field(
        0, ge=0, le=1024, description="Threads that decode images; 0 is one per usable core."
    )
    max_batch: int = Field(16, ge=1, le=4096, description="Most images in one run of the session.")
    max_queue: int = Field(
        256, ge=1, le=1_000_000, description="Decoded images that may wait for the session."
    )
    max_images_in_flight: int = Field(
        512, ge=1, le=1_000_000, description="Images between upload and answer; above it, 503."
    )
    max_bytes_in_flight: int = Field(
        256 * MIB, ge=1, description="Bytes of uploads held in memory at once; above it, 503."
    )
    cache_bytes: int = Field(
        0,
        ge=0,
        description="Bytes in which answers to images that come again are kept; 0 keeps none, "
        "because who has a picture could tell by the time of an answer that it was sent before.",
    )
    max_connections: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        description="Connections open at once; above it, 503, save for probes and metrics.",
    )
    max_upload_bytes: int = Field(20 * MIB, ge=1, description="Bytes of one image; above it, 413.")
    max_batch_files: int = Field(
        32, ge=1, le=10_000, description="Files in one request to `/v1/labels/batch`."
    )
    max_batch_bytes: int = Field(
        64 * MIB, ge=1, description="Bytes of one request to `/v1/labels/batch`; above it, 413."
    )
    max_pixels: int = Field(
        50_000_000, ge=1, description="Pixels that an image's header may promise; above it, 413."
    )
    request_timeout_seconds: float = Field(
        10.0, gt=0, le=3600, description="Time to label an upload once it has arrived; then 504."
    )
    stuck_seconds: float = Field(
        10.0,
        gt=0,
        le=3600,
        description="Time after which a run of the model is stuck, where 20 measured runs of the "
        "largest batch take less; with every thread stuck `/readyz` is 503, and with any for 6 "
        "times as long `/livez` is.",
    )
    upload_timeout_seconds: float = Field(
        30.0, gt=0, le=3600, description="Time for an upload to arrive; then 408."
    )
    keep_alive_seconds: int = Field(
        5, ge=1, le=3600, description="Time that an idle connection is kept open."
    )
    lame_duck_seconds: float = Field(
        5.0,
        ge=0,
        le=3600,
        description="Time between SIGTERM, when `/readyz` turns 503, and closing the port; "
        "longer than the load balancer's probe interval.",
    )
    drain_seconds: float = Field(
        20.0, gt=0, le=3600, description="Time for requests in progress to end after that."
    )
    explanations_at_once: int = Field(
        2,
        ge=0,
        le=1024,
        description="Explanations computed at one time; above it, 503; 0 offers none (404).",
    )
    explanation_timeout_seconds: float = Field(
        20.0, gt=0, le=3600, description="Time to explain an upload once it has arrived; then 504."
    )
    feedback_url: str = Field(
        "",
        repr=False,
        description="Database of corrections, `sqlite:////folder/file.db` or "
        "`postgresql://user:password@host/name`; empty keeps none (404).",
    )
    feedback_timeout_seconds: float = Field(
        3.0, gt=0, le=60, description="Time for the database of corrections to answer; then 503."
    )
    feedback_days: int = Field(
        180, ge=1, le=3650, description="Days after which a correction is deleted."
    )
    feedback_max_rows: int = Field(
        1_000_000, ge=1, description="Corrections kept at most; above it, 507."
    )
    feedback_images: Path | None = Field(
        None,
        description="Folder of images that their senders agree to give; empty stores no image.",
    )
    feedback_images_max_bytes: int = Field(
        1024 * MIB, ge=1, description="Bytes of those images at most; above it, 507."
    )
    responsible_name: str = Field(
        "", max_length=200, description="Who answers for this service, shown at `/transparencia`."
    )
    responsible_contact: str = Field(
        "",
        max_length=200,
        description="Where to object: an e-mail address, an `https://` address, or words.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins allowed to call the API from a page, separated by commas."
    )
    keys: Path | None = Field(
        None,
        description="File of API keys, a line of `rotulo key new` each, read again when it "
        "changes; none needs none on loopback.",
    )
    open: Annotated[frozenset[KeyScope], NoDecode] = Field(
        frozenset(),
        description="Scopes that anyone has without a key: of `label`, `feedback`, `metrics`, "
        "`admin`, separated by commas.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        description="Networks whose `X-Forwarded-For` tells a client's address, separated by "
        "commas.",
    )
    rate_limit_key: Annotated[tuple[Quota, ...], NoDecode] = Field(
        (), description="Images of one API key, such as `600/minute`, or `10/second;600/minute`."
    )
    rate_limit_address: Annotated[tuple[Quota, ...], NoDecode] = Field(
        (), description="The same for one address without a key; above either, 429."
    )
    rate_limit_redis: SecretStr | None = Field(
        None, description="URL of the Redis in which replicas count together (extra `redis`)."
    )
    log_format: Literal["auto", "json", "pretty"] = Field(
        "auto", description="Log lines: `json`, `pretty`, or `auto` (pretty on a terminal)."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log lines to write."
    )

    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^@\s]+)?$",
        description="Where spans are sent by OTLP over HTTP, `http://HOST:4318/v1/traces` "
        "(extra `tracing`); empty sends none.",
    )
    log_labels: bool = Field(
        False,  # noqa: FBT003  # a field's default, not an argument
        description="Write each image's best label and score to its log line, for `rotulo drift "
        "--log`; off, because what a photo shows may be about a person.",
    )

    @field_validator("cors_origins", "trusted_proxies", "open", "models", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("rate_limit_key", "rate_limit_address", mode="before")
    @classmethod
    def _parse_quotas(cls, value: object) -> object:
        return parse_quotas(value) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            scheme, separator, authority = origin.partition("://")
            if scheme not in {"http", "https"} or not separator or set(authority) & set("/*? "):
                raise ValueError(f"{origin!r} is not an origin such as https://www.example.cl")
        return origins

    @field_validator("feedback_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        """No message quotes the address, which may hold a password."""
        scheme, separator, rest = url.partition("://")
        if url and (scheme not in FEEDBACK_SCHEMES or not separator or not rest.strip("/")):
            raise ValueError("must begin with sqlite:/// and a file, or with postgresql://")
        if scheme == "postgresql" and find_spec("psycopg") is None:
            raise ValueError("PostgreSQL needs its driver: install rotulo[postgres]")
        return url

    @model_validator(mode="after")
    def _one_way_of_vouching(self) -> Self:
        given = (self.bundle_trusted_root is not None, self.bundle_identity, self.bundle_issuer)
        if any(given) and not all(given):
            raise ValueError(
                "bundle_trusted_root, bundle_identity and bundle_issuer are given together"
            )
        if any(given) and self.bundle_public_key is not None:
            raise ValueError("bundles are signed by bundle_public_key or by bundle_identity")
        return self

    @model_validator(mode="after")
    def _images_come_with_corrections(self) -> Self:
        if self.feedback_images is not None and not self.feedback_url:
            raise ValueError("feedback_images needs feedback_url: an image belongs to a correction")
        return self

    @model_validator(mode="after")
    def _uploads_fit_in_flight(self) -> Self:
        """An upload that no empty service could take would be told to come back for ever."""
        largest = max(self.max_upload_bytes, self.max_batch_bytes)
        if largest > self.max_bytes_in_flight:
            raise ValueError(
                f"max_bytes_in_flight ({self.max_bytes_in_flight}) must not be below "
                f"max_upload_bytes or max_batch_bytes ({largest})"
            )
        return self


def variable(field: str) -> str:
    """Return the environment variable of a setting."""
    return ENV_PREFIX + field.upper()


def flag(field: str) -> str:
    """Return the command-line flag of a setting."""
    return "--" + field.replace("_", "-")


def settings_table() -> str:
    """Return all settings as a Markdown table of variable, flag, default and meaning."""
    lines = ["| Variable | Flag | Default | Meaning |", "|---|---|---|---|"]
    for name, info in Settings.model_fields.items():
        lines.append(
            f"| `{variable(name)}` | `{flag(name)}` | {_shown(info.default)} | {info.description} |"
        )
    return "\n".join(lines) + "\n"


def _shown(default: Any) -> str:  # noqa: ANN401  # the defaults are of many types
    if default == SHIPPED_BUNDLES:
        return "`service/bundles`"
    return f"`{default}`" if default not in (None, "", (), frozenset()) else "–"
