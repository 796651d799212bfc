FROM busybox
COPY folder /src
RUN { printf 'PYC\r\n'; stat -c %Y /src/a.c; cat /src/a.c; } >/src/a.pyc
