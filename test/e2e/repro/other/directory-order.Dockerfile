FROM busybox
RUN find /bin >/list
