# Scopeside in a container. Two targets:
#
#   docker build --target cpu -t scopeside:cpu --build-arg TORCH_PIP="--extra-index-url ADDRESS" .
#   docker build --target gpu -t scopeside:gpu .
#
# ADDRESS is that of PyTorch's CPU wheels, as the README says under "Save gigabytes". Without it the
# cpu target works as well, and brings gigabytes of libraries for GPUs that it never uses.
#
# What has been tried, and what has not: docs/adr/0020-containers.md.

# The Python that the tests run with, and one base for building and running: the virtual environment
# is copied from one to the other and points at its interpreter by path.
FROM python:3.11-slim-bookworm AS base
# Nothing that pip fetched stays in a layer, and its notices about itself are of no use here.
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Log lines appear when they are written, not when a buffer is full.
ENV PYTHONUNBUFFERED=1

FROM base AS sources
WORKDIR /build
# Without a pip of its own: the environment is filled from outside, and nobody changes it later.
RUN python -m venv --without-pip /opt/scopeside
COPY constraints.txt ./

FROM sources AS builder-cpu
# Options for pip, split at spaces, that say where torch's CPU wheels are.
ARG TORCH_PIP=""
# torch goes first and alone: it is the largest layer, and changes only when constraints.txt does.
# Wheels alone, since the base has no compiler: a package without one fails here, by name.
RUN python -m pip --python /opt/scopeside/bin/python install --only-binary :all: \
    $TORCH_PIP -c constraints.txt torch
COPY pyproject.toml README.md LICENSE ./
COPY service service
COPY kernels kernels
RUN python -m pip --python /opt/scopeside/bin/python install --only-binary :all: \
    -c constraints.txt '.[cpu]'

# torch as pip gives it on Linux: with CUDA's libraries, so that only the driver comes from the host.
FROM sources AS builder-gpu
RUN python -m pip --python /opt/scopeside/bin/python install --only-binary :all: \
    -c constraints.txt torch
COPY pyproject.toml README.md LICENSE ./
COPY service service
COPY kernels kernels
# TensorRT's packages on the public index are sources without code to compile: they fetch NVIDIA's
# own wheels.
RUN python -m pip --python /opt/scopeside/bin/python install --only-binary :all: \
    --no-binary tensorrt,tensorrt-cu13,tensorrt-cu13-libs -c constraints.txt '.[cpu,gpu]'

FROM base AS runtime
LABEL org.opencontainers.image.title="Scopeside" \
      org.opencontainers.image.description="Real-time, label-free segmentation beside a transmission electron microscope" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="BSD-3-Clause"
# A user that owns nothing but the cache. By number too, so that an orchestrator that refuses root
# can see that it is not. Its home is the cache: what other packages keep there outlives the
# container as well. Made before VOLUME, since a new volume takes over contents and owner from here.
RUN groupadd --gid 1000 scopeside \
    && useradd --uid 1000 --gid 1000 --home-dir /var/cache/scopeside --no-create-home scopeside \
    && install -d -o 1000 -g 1000 -m 0700 /var/cache/scopeside
ENV PATH=/opt/scopeside/bin:$PATH HOME=/var/cache/scopeside
# Compiled models; a container that is thrown away would compile them anew.
ENV SCOPESIDE_SERVICE__CACHE=/var/cache/scopeside/models
VOLUME /var/cache/scopeside
# Every interface of the container, since loopback inside it is reached by nobody. This makes the
# service no more public than the ports that are published: publish them on 127.0.0.1, or turn CURVE
# on (docs/security.md), because whoever reaches 5558 can change live settings and stop the service.
ENV SCOPESIDE_PUBLISH__RESULTS=tcp://0.0.0.0:5556 \
    SCOPESIDE_PUBLISH__EVENTS=tcp://0.0.0.0:5557 \
    SCOPESIDE_CONTROL__ENDPOINT=tcp://0.0.0.0:5558
# By default the service connects to the microscope's program, which binds. A container is easier to
# reach than to reach out from, so here the service binds, and the sender must connect.
ENV SCOPESIDE_INGEST__ATTACH=bind SCOPESIDE_INGEST__ENDPOINT=tcp://0.0.0.0:5555
EXPOSE 5555 5556 5557 5558
# The presets, where `--config fast` looks for them.
WORKDIR /scopeside
COPY config config
USER 1000:1000
# The service drains on SIGTERM: give it service.drain_s (5 s) and a little more.
STOPSIGNAL SIGTERM
# Asks the service over its control endpoint; healthy is ready or paused. Warming up is not, so that
# who waits for "healthy" finds a service that computes; failures in the start period do not count.
# A container that runs another command than `serve` needs `--no-healthcheck`.
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 \
    CMD ["scopeside", "doctor", "--service"]
ENTRYPOINT ["scopeside"]
CMD ["serve"]

# This target has never run on a card. It needs NVIDIA's container toolkit on the host and a container
# that was given a GPU.
FROM runtime AS gpu
# Triton compiles a launcher for each kernel at its first use, and keeps it in the cache.
USER 0:0
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
USER 1000:1000
# What the toolkit lets in: libraries to compute, and nvidia-smi.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=builder-gpu /opt/scopeside /opt/scopeside

# Last, so that a build without a target makes this one.
FROM runtime AS cpu
COPY --from=builder-cpu /opt/scopeside /opt/scopeside
