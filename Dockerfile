# The service and its bundles: no TensorFlow, no package manager, no shell, no rights.
#
#   make image                          on the CPU
#   make image TARGET=cuda TAG=rotulo:cuda
#                                       on a GPU; the host brings the driver, the wheels bring CUDA
#
# Others can reach it, so it starts only with API keys or told to be open (docs/operations.md):
#
#   docker run --publish 127.0.0.1:8000:8000 --env ROTULO_OPEN=label,feedback,metrics \
#       --read-only --tmpfs /tmp --cap-drop=ALL --security-opt=no-new-privileges rotulo
#
# The one base is Debian, pinned by a digest that the builder names: whoever ships an image decides
# which Debian it stands on, and takes a newer one for its security updates. Resolve it by
#
#   docker buildx imagetools inspect debian:bookworm-slim --format '{{.Manifest.Digest}}'
#
# `make imagecheck` builds both targets on a Debian of its own and proves what they promise.

ARG DEBIAN_DIGEST
FROM docker.io/library/debian:bookworm-slim@${DEBIAN_DIGEST} AS debian
ENV DEBIAN_FRONTEND=noninteractive \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ONLY_BINARY=:all: \
    PIP_REQUIRE_VIRTUALENV=1

# --- Debian's files that CPython and the wheels load -----------------------------------
# Unpacked, not installed: no maintainer script runs, no shell comes along. Scanners read
# what there is, with versions, in /var/lib/dpkg/status.d.
FROM debian AS root
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /debs
# hadolint ignore=DL3008  # the newest of a stable release is the one with the security updates
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3.11-minimal \
    && apt-get --option APT::Sandbox::User=root download \
        base-files ca-certificates libc6 libgcc-s1 libstdc++6 media-types netbase tzdata \
        python3.11-minimal libpython3.11-minimal libpython3.11-stdlib \
        libbz2-1.0 libcom-err2 libcrypt1 libdb5.3 libexpat1 libffi8 libgssapi-krb5-2 \
        libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 liblzma5 libncursesw6 libnsl2 \
        libreadline8 libsqlite3-0 libssl3 libtinfo6 libtirpc3 libuuid1 zlib1g \
    && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /root-files/{etc/ssl/certs,tmp,usr/{bin,sbin,lib,lib64},var/lib/dpkg/status.d} \
    && for name in bin sbin lib lib64; do ln -s "usr/$name" "/root-files/$name"; done \
    && for package in *.deb; do \
        dpkg-deb --fsys-tarfile "$package" | tar --extract --directory /root-files \
            --keep-directory-symlink --exclude ./usr/share/man --exclude ./usr/share/locale \
            --exclude './usr/share/doc/*/[!c]*' --exclude './usr/share/lintian'; \
        dpkg-deb --field "$package" \
            > "/root-files/var/lib/dpkg/status.d/$(dpkg-deb --field "$package" Package)"; \
    done \
    && cp /etc/ssl/certs/ca-certificates.crt /root-files/etc/ssl/certs/ \
    && echo 'rotulo:x:10001:10001::/nonexistent:/usr/sbin/nologin' > /root-files/etc/passwd \
    && echo 'rotulo:x:10001:' > /root-files/etc/group \
    && chmod 1777 /root-files/tmp \
    && python3.11 -m compileall -q --invalidation-mode unchecked-hash -s /root-files \
        /root-files/usr/lib/python3.11

# --- The locked wheels and the service -------------------------------------------------
FROM debian AS tools
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY requirements/build.txt requirements/sbom.txt /requirements/
RUN python3.11 -m venv /tools \
    && /tools/bin/pip install --require-hashes --no-deps -r /requirements/build.txt \
    && python3.11 -m venv /sbom-tools \
    && /sbom-tools/bin/pip install --require-hashes --no-deps -r /requirements/sbom.txt \
    && python3.11 -m venv --without-pip /opt/rotulo

FROM tools AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY service service
RUN /tools/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels .

FROM tools AS packages-cpu
COPY requirements/serve-cpu.txt /requirements/
RUN /tools/bin/pip --python /opt/rotulo/bin/python install --require-hashes --no-deps \
        -r /requirements/serve-cpu.txt
COPY --from=wheel /wheels /wheels
RUN /tools/bin/pip --python /opt/rotulo/bin/python install --no-deps --no-index /wheels/*.whl

FROM tools AS packages-cuda
COPY requirements/serve-cuda.txt /requirements/
RUN /tools/bin/pip --python /opt/rotulo/bin/python install --require-hashes --no-deps \
        -r /requirements/serve-cuda.txt
COPY --from=wheel /wheels /wheels
RUN /tools/bin/pip --python /opt/rotulo/bin/python install --no-deps --no-index /wheels/*.whl

# --- The bill of materials -------------------------------------------------------------
# wheels, Debian packages and bundles; alone: --target sbom-cpu --output FOLDER
FROM packages-cpu AS bill-cpu
COPY --from=root /root-files/var/lib/dpkg/status.d /status.d
COPY deploy/sbom.py pyproject.toml /
RUN /sbom-tools/bin/cyclonedx-py environment --pyproject /pyproject.toml --spec-version 1.6 \
        --output-reproducible --output-file /wheels.cdx.json /opt/rotulo/bin/python \
    && python3.11 /sbom.py /wheels.cdx.json --packages /status.d \
        --bundles /opt/rotulo/lib/python3.11/site-packages/service/bundles > /rotulo.cdx.json

FROM packages-cuda AS bill-cuda
COPY --from=root /root-files/var/lib/dpkg/status.d /status.d
COPY deploy/sbom.py pyproject.toml /
RUN /sbom-tools/bin/cyclonedx-py environment --pyproject /pyproject.toml --spec-version 1.6 \
        --output-reproducible --output-file /wheels.cdx.json /opt/rotulo/bin/python \
    && python3.11 /sbom.py /wheels.cdx.json --packages /status.d \
        --bundles /opt/rotulo/lib/python3.11/site-packages/service/bundles > /rotulo.cdx.json

FROM scratch AS sbom-cpu
COPY --from=bill-cpu /rotulo.cdx.json /

FROM scratch AS sbom-cuda
COPY --from=bill-cuda /rotulo.cdx.json /

# --- What runs -------------------------------------------------------------------------
FROM scratch AS service
COPY --from=root /root-files /
ARG DEBIAN_DIGEST
ARG VERSION=0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="Rótulo" \
      org.opencontainers.image.description="Labels images and says how sure it is" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim" \
      org.opencontainers.image.base.digest="${DEBIAN_DIGEST}"
ENV PATH=/opt/rotulo/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    ROTULO_HOST=0.0.0.0 \
    ROTULO_PORT=8000 \
    ROTULO_LOG_FORMAT=json
WORKDIR /
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["rotulo", "health"]
ENTRYPOINT ["rotulo"]
CMD ["serve"]

FROM service AS cuda
COPY --from=packages-cuda /opt/rotulo /opt/rotulo
COPY --from=bill-cuda /rotulo.cdx.json /usr/share/sbom/
# There is no GPU while an image is built: the doctor tries all but that.
RUN ["rotulo", "doctor", "--provider", "cpu"]
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    ROTULO_PROVIDER=cuda

# The last target is the one that is built when none is named.
FROM service AS cpu
COPY --from=packages-cpu /opt/rotulo /opt/rotulo
COPY --from=bill-cpu /rotulo.cdx.json /usr/share/sbom/
ENV ROTULO_PROVIDER=cpu
RUN ["rotulo", "doctor"]
