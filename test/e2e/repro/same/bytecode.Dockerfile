FROM busybox
COPY folder /src
# as Python's checked-hash pycs: what is compiled names its source by the bytes, not by the time
RUN for f in /src/*.c; do { printf 'PYC\r\n'; sha256sum <"$f"; tr a-z A-Z <"$f"; } >"$f.pyc"; done
