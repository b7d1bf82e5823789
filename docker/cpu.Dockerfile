# CPU: the embedded world, small models, scoring.        Not tried: no machine at hand could build it.
#   docker build -f docker/cpu.Dockerfile -t mslt_it .
#   docker run --rm -v "$PWD/runs:/data/runs" mslt_it train recipe=xnli_3src
FROM python:3.11-slim
WORKDIR /opt/mslt_it
# torch's CPU build; the registry's default adds several GB for GPUs
RUN pip install --no-cache-dir "torch>=2.10,<2.14" --index-url https://download.pytorch.org/whl/cpu
COPY . .
RUN pip install --no-cache-dir --no-deps --require-hashes -r .ci/requirements.txt && pip install --no-cache-dir --no-deps -e .
ENV OMP_WAIT_POLICY=PASSIVE PYTHONUTF8=1
WORKDIR /data
ENTRYPOINT ["mslt"]
