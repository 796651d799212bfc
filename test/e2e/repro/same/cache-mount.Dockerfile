FROM busybox
RUN --mount=type=cache,target=/cache test -e /cache/result || echo slow >/cache/result; cp /cache/result /result
RUN --mount=type=cache,target=/var/cache/x,id=other,uid=5,mode=0700 echo >>/var/cache/x/grows
