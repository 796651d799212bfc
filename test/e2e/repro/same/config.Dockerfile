FROM busybox
LABEL z=1 a=2 "with space"="three words"
ENV Z=1 A=2
EXPOSE 443 80/udp 8000-8010
VOLUME /z /a
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=3s CMD true
SHELL ["/bin/sh", "-ec"]
ENTRYPOINT ["/bin/echo"]
CMD ["hello"]
ONBUILD RUN echo child
USER 1000:1000
MAINTAINER somebody
