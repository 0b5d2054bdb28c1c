# Two images: `docker build .` makes the service, `docker build --target training .` what trains for it.
#
# PIP_EXTRA_INDEX_URL chooses the build of torch, as the README says; without it pip may fetch gigabytes of CUDA:
#   docker build --build-arg PIP_EXTRA_INDEX_URL .       (the value comes from the environment)
# Builds with BuildKit and without; BuildKit leaves out what a target does not need.

FROM python:3.11-slim-bookworm AS base
# OpenMP: without it numba's loops must not run side by side, and t-SNE takes half as long again.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*


FROM base AS packages
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
# pip lives in an environment of its own, so that none is in the images. Every package comes as a wheel: no compiler.
RUN python -m venv /pip && /pip/bin/pip install --no-cache-dir 'pip>=25.1' && python -m venv --without-pip /venv
WORKDIR /build
COPY pyproject.toml .
RUN /pip/bin/pip --python /venv/bin/python install --no-cache-dir --only-binary :all: --group service
# What packages carry for their own developers: tests, C++ headers, tools. `import torch` asks for its memory manager.
RUN cd /venv/lib/python3.*/site-packages \
    && find . -type d -name tests -prune -exec rm -rf {} + \
    && rm -rf torch/include torch/share torch/test \
    && find torch/bin -mindepth 1 ! -name torch_shm_manager -delete


FROM packages AS training-packages
# Only what comes on top: what /venv has is not installed again.
RUN /pip/bin/pip --python /venv/bin/python install --no-cache-dir --only-binary :all: --prefix /training --group training


FROM base AS runtime
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin hourglass \
    && install --directory --owner hourglass --group hourglass /models
COPY --from=packages /venv /venv
# Nothing is written but bundles, to /models, and caches, to /tmp; so bytecode is compiled here.
ENV PATH=/venv/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
COPY LICENSE .
COPY service service
# The docs' paths, such as models/digits/1, are right in here too.
RUN python -m compileall -q service && python -m service.ahead && ln -s /models models
# What that compiled, for processors like the builder's, is copied to /tmp at the start; others compile there.
ENV NUMBA_CACHE_LOCATOR_CLASSES=service.compiled.SeededCache
LABEL org.opencontainers.image.licenses="Apache-2.0"


FROM runtime AS training
COPY --from=training-packages /training /venv
COPY training training
RUN python -m compileall -q training
LABEL org.opencontainers.image.title="Hourglass training" \
      org.opencontainers.image.description="Trains autoencoders on images and writes bundles into /models."
USER 10001:10001
# What Ctrl-C sends: a run stops cleanly and says how to go on.
STOPSIGNAL SIGINT
CMD ["python", "-m", "training", "train"]


FROM runtime AS service
LABEL org.opencontainers.image.title="Hourglass" \
      org.opencontainers.image.description="Serves the latent space of the bundles in /models over HTTP."
USER 10001:10001
ENV HOURGLASS_HOST=0.0.0.0 HOURGLASS_PORT=8000 HOURGLASS_MODELS_DIR=/models
EXPOSE 8000
# Ready, not live: an engine restarts what ends, and routes by this. http.client because it asks no proxy.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "\
import http.client, os, sys; \
connection = http.client.HTTPConnection('127.0.0.1', int(os.environ['HOURGLASS_PORT']), timeout=4); \
connection.request('GET', '/health/ready'); \
sys.exit(connection.getresponse().status != 200)"]
# No shell between: SIGTERM drains and ends the service, SIGHUP makes it look for new versions.
ENTRYPOINT ["python", "-m", "service"]
