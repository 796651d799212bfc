FROM busybox
RUN echo fine >/fine
RUN mkdir -p /etc/build && \
    date >/etc/build/stamp
