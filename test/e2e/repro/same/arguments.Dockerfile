# build: --build-arg VERSION=2 --build-arg SOURCE_DATE_EPOCH=1700000000 --label from=outside
ARG VERSION=1
FROM busybox
ARG VERSION
ARG OTHER=${VERSION}-other
ENV V=$VERSION
RUN echo "$VERSION $OTHER $V" >/arguments && date -u -d "@$SOURCE_DATE_EPOCH" >/built
