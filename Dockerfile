# Cislens in a container. The ordinary torch wheel brings CUDA; for a small CPU image give the index of CPU builds:
#   docker build --build-arg TORCH_INDEX=https://... -t cislens .
#   docker run -p 8501:8501 -v cislens:/home/cislens/.cache/cislens cislens
# With a GPU: docker run --gpus all ... (and --build-arg BASE=... for an image that carries CUDA's libraries).
ARG BASE=python:3.11-slim
FROM ${BASE}

ARG TORCH_INDEX=""
ENV PIP_EXTRA_INDEX_URL=${TORCH_INDEX} \
    PIP_NO_CACHE_DIR=1 \
    PYTHONDONTWRITEBYTECODE=1

RUN apt-get update \
    && apt-get install -y --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 cislens

WORKDIR /home/cislens/app
COPY --chown=cislens:cislens . .
RUN chown cislens:cislens .
USER cislens

# The same steps as on any machine: see the Makefile.
RUN make setup PYTHON=python3

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD [".venv/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD [".venv/bin/cislens", "serve", "--address", "0.0.0.0", "--port", "8501"]
