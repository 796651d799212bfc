# build: --platform linux/amd64,linux/arm64 --output type=oci,dest=nowhere.tar
FROM scratch
COPY folder /
COPY --chmod=755 one.txt /bin/
