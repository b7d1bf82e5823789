# GPU training, LoRA and QLoRA.        Not tried: no machine at hand could build it.
#   docker build -f docker/gpu.Dockerfile -t mslt_it:gpu .
#   docker run --rm --gpus all -v "$PWD/runs:/data/runs" -v "$HOME/.cache/huggingface:/data/hub" \
#     mslt_it:gpu train recipe=xnli_3src scale=small task.data=facebook/xnli targets=rest
# Several GPUs: --ipc=host --entrypoint accelerate ... launch --config_file /opt/mslt_it/recipes/accelerate/ddp.yaml
#   /opt/mslt_it/mslt_it/train.py recipe=xnli_3src scale=small ...
# The host needs NVIDIA's driver and container toolkit; CUDA's libraries come with torch.
FROM python:3.11-slim
WORKDIR /opt/mslt_it
RUN pip install --no-cache-dir "torch>=2.10,<2.14"
COPY . .
RUN pip install --no-cache-dir --no-deps --require-hashes -r .ci/requirements.txt && pip install --no-cache-dir --no-deps -e .
ENV OMP_WAIT_POLICY=PASSIVE PYTHONUTF8=1 HF_HOME=/data/hub
WORKDIR /data
ENTRYPOINT ["mslt"]
