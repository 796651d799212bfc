FROM busybox AS build
WORKDIR /src
RUN head -c 100000 /dev/zero >out && cat /proc/sys/kernel/random/uuid >>out
FROM busybox
RUN echo fine >/fine
COPY --from=build /src/out /app/
