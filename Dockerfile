# The server on a CPU, as an ordinary user: docs/deploy.md says how to run it.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/avatar
WORKDIR /src
COPY requirements-run.lock ./
RUN /opt/avatar/bin/pip install --no-deps --require-hashes -r requirements-run.lock
COPY pyproject.toml README.md LICENSE ./
COPY assets assets
COPY client client
COPY models models
COPY avatar avatar
# The package's builder is among the locked packages.
RUN /opt/avatar/bin/pip install --no-deps --no-build-isolation . \
    && AVATAR_MODELS=/opt/avatar/models /opt/avatar/bin/avatar models pull
# 150 MB that a server on a CPU never loads: installers, other packages' tests and headers, OpenVINO's plug-ins for GPUs and
# NPUs. A path that a new version no longer has stops the build here.
RUN /opt/avatar/bin/pip uninstall --yes hatchling pathspec pluggy tomlkit trove-classifiers setuptools pip \
    && cd /opt/avatar/lib/python3.11/site-packages \
    && rm -r openvino/include openvino/libs/cache.json \
        openvino/libs/libopenvino_intel_gpu_plugin.so openvino/libs/libopenvino_intel_npu_plugin.so \
    && find . -type d -name tests -prune -exec rm -r {} +

FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libegl1 libgles2 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home avatar \
    && install --directory --owner avatar /data
COPY --from=build /opt/avatar /opt/avatar
ENV PATH=/opt/avatar/bin:$PATH \
    AVATAR_MODELS=/opt/avatar/models \
    PYTHONUNBUFFERED=1 \
    HEALTH_URL=http://127.0.0.1:8010/healthz
USER avatar
WORKDIR /home/avatar
# .avatar files in this folder are offered as faces.
VOLUME /data
EXPOSE 8010/tcp
# A certificate is not checked here: it names the site, not this address.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python3", "-c", "import os, ssl, urllib.request; urllib.request.urlopen(os.environ['HEALTH_URL'], timeout=4, context=ssl._create_unverified_context())"]
ENTRYPOINT ["avatar"]
CMD ["serve", "--host", "0.0.0.0", "--avatars", "/data"]
