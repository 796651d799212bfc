# build: --timestamps=preserve
FROM busybox
RUN echo same >/same
