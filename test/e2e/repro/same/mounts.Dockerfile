FROM busybox AS tools
RUN mkdir /t && echo tool >/t/tool
FROM busybox
RUN --mount=target=/src cat /src/folder/deep/* >/joined
RUN --mount=target=/src,rw echo lost >/src/one.txt && cp /src/two.txt /two
RUN --mount=from=tools,source=/t,target=/t cp /t/tool /tool
RUN --mount=type=tmpfs,target=/scratch echo gone >/scratch/x && wc -c </scratch/x >/count
