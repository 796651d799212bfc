FROM busybox AS one
RUN echo one >/one && date >/thrown-away
FROM busybox AS two
RUN echo two >/two
FROM one AS three
COPY --from=two /two /two
RUN cat /one /two >/three
FROM busybox
COPY --from=1 /two /
COPY --from=three /three /
COPY --from=busybox /etc/passwd /copied/
