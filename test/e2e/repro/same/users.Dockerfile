FROM busybox
RUN echo 'web:x:501:502::/home/web:/bin/sh' >>/etc/passwd && echo 'www:x:502:web' >>/etc/group && mkdir -p /home/web && chown web:www /home/web
USER web
RUN id >/home/web/id && echo ~ >>/home/web/id
COPY --chown=web one.txt /home/web/
USER web:wheel
WORKDIR /home/web/sub
RUN touch mine
