FROM busybox
RUN printf 'a long line before it\nbuilt on %s\n' "$(hostname)" >/built-on
