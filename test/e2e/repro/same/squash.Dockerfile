# build: --squash
FROM busybox
RUN mkdir -p /s /opt/old && for i in 3 1 2; do echo $i >/s/$i; done && ln /s/1 /s/link && echo old >/opt/old/file
RUN rm /s/2 && rm -r /opt && mkdir /opt && echo new >/opt/new
COPY folder /s/folder
RUN mv /s/folder /moved && rm /bin/busybox
