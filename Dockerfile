# The service without torch and without a compiler.
#   docker build -t pag-parse:cpu .
#   docker build -t pag-parse:gpu --build-arg RUNTIME=gpu .
# The digest is what is built from, for every architecture of the tag; CONTRIBUTING.md says how to renew it.
ARG BASE=python:3.13-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ libonnxruntime-dev \
 && rm -rf /var/lib/apt/lists/*
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src

# Exact versions have layers of their own, which a change of code keeps. pip and what builds the package stay in
# /opt/build: the final image cannot install anything.
COPY requirements requirements
RUN python3 -m venv /opt/build && /opt/build/bin/python -m pip install --require-hashes --requirement requirements/build.txt
ARG RUNTIME=cpu
RUN python3 -m venv --without-pip /opt/venv \
 && /opt/build/bin/pip --python /opt/venv/bin/python install --require-hashes --only-binary :all: \
      --requirement requirements/serve.txt --requirement "requirements/${RUNTIME}.txt"

# In an image the native operators are not optional: PAG_NATIVE=ON and the last line fail without them.
COPY pyproject.toml README.md LICENSE ./
COPY native native
COPY service service
COPY pag pag
RUN CMAKE_ARGS=-DPAG_NATIVE=ON /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel \
      --config-settings=wheel.packages="service;pag;native/python/perforated_conv" . \
 && /opt/build/bin/pip --python /opt/venv/bin/python install --no-deps /tmp/wheel/*.whl \
 && /opt/venv/bin/python -c "import perforated_conv; assert perforated_conv.library_path(), 'the native operators were not built'"

FROM ${BASE}
LABEL org.opencontainers.image.title="pag-parse" \
      org.opencontainers.image.description="Dense scene parsing with a compute knob: semantics, depth and normals at a budget chosen per request" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/venv /opt/venv
# CUDA's libraries come as Python packages in the GPU variant; the loader is told where. No entry on CPU.
RUN find /opt/venv -type d -path '*/nvidia/*/lib' > /etc/ld.so.conf.d/nvidia.conf && ldconfig
# The licence is that of the code; weights/README.md says under which terms the weights are.
COPY LICENSE /app/LICENSE
COPY weights /app/weights
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH ORT_DISABLE_TELEMETRY=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp \
    PAG_HOST=0.0.0.0 PAG_PORT=8000 PAG_WEIGHTS=/app/weights
# A number needs no entry in /etc/passwd and lets Kubernetes see that it is not root.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PAG_PORT\"]}/readyz', timeout=2)"]
# docker run IMAGE doctor, models, parse: the same command as outside.
ENTRYPOINT ["pag"]
CMD ["serve"]
