FROM busybox
RUN mkdir /src && echo a >/src/a && tar -cf /src.tar /src
