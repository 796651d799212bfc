FROM busybox
ENV A=1 B=2
# mille:unset env=A
RUN env | sort | grep -v TZ >/env
