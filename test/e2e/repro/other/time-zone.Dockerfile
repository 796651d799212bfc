FROM busybox
RUN date -d @1700000000 >/built
