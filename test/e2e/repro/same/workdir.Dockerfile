FROM busybox
WORKDIR /a/b
WORKDIR ../c
ENV D=d
WORKDIR $D/e
RUN pwd >here
USER 7
WORKDIR /of/seven
