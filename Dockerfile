# The service and its bundles, without TensorFlow, as a user without rights.
#
# Written without a container engine at hand: this file has never been built. What it
# runs, on the other hand, is what `make serve` runs.
#
#   docker build --tag rotulo .                         on the CPU
#   docker build --tag rotulo:cuda --target cuda .      on a GPU, run with --gpus=all
#
# Others can reach it, so it starts only with API keys or told to be open (docs/operations.md):
#
#   docker run --publish 127.0.0.1:8000:8000 --env ROTULO_OPEN=label,feedback,metrics rotulo
#
# The CUDA and cuDNN libraries come as wheels from the lock; the host brings the driver.

FROM python:3.11-slim-bookworm AS python
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

FROM python AS packages-cpu
COPY requirements/serve-cpu.txt /requirements.txt
RUN python -m venv /venv \
    && /venv/bin/pip install --require-hashes --no-deps --only-binary=:all: -r /requirements.txt

FROM python AS packages-cuda
COPY requirements/serve-cuda.txt /requirements.txt
RUN python -m venv /venv \
    && /venv/bin/pip install --require-hashes --no-deps --only-binary=:all: -r /requirements.txt

FROM python AS service
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin rotulo
WORKDIR /app
COPY service service
ENV PATH=/venv/bin:$PATH
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
ENTRYPOINT ["python", "-m", "service"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]

FROM service AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    ROTULO_PROVIDER=cuda
COPY --from=packages-cuda /venv /venv

# The last target is the one that is built when none is named.
FROM service AS cpu
ENV ROTULO_PROVIDER=cpu
COPY --from=packages-cpu /venv /venv
