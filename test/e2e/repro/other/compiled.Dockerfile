FROM busybox AS build
RUN date >/nobody-takes-it
RUN cat /proc/sys/kernel/random/uuid >/seed
RUN mkdir /out && echo same >/out/a && tr -d - </seed >/out/program
FROM busybox
COPY --from=build /out /app
