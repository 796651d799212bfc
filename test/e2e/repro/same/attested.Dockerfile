# build: --provenance=mode=max --sbom=true --output type=image,compression=gzip
FROM busybox
COPY one.txt /
