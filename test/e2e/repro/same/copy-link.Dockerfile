FROM busybox AS files
RUN mkdir /made && echo made >/made/file && chown 7:8 /made/file
FROM busybox
COPY --link folder /linked/
COPY --link --from=files --chown=9 /made /linked/made/
COPY --link one.txt /tmp/one.txt
