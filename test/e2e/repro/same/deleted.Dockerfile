FROM busybox
COPY folder /opt/folder
RUN rm /etc/passwd && rm -r /opt && mkdir /opt && echo new >/opt/new
RUN rm -r /opt && ln -s /tmp /opt && chmod 700 / && chown 1:2 /tmp
RUN rm /bin/ls /bin/sed && mv /bin/grep /bin/renamed
