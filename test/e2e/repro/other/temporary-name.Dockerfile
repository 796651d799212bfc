FROM busybox
RUN mktemp /tmp/work.XXXXXX
