import type { CompareCase } from '../compare-case.ts'

/** Instructions that only say something of the image. */
export const configCases: readonly CompareCase[] = [
  {
    name: 'labels',
    dockerfile: `FROM BASE
LABEL one=1 two="2 3" "three four"='5'
LABEL old style value
LABEL multi="line \\
continued" one=again
LABEL empty= quoted=""
LABEL com.example/x-y_z=ü json='{"a": "b"}'
MAINTAINER Some One <some@one>
`,
  },
  {
    name: 'cmd-and-entrypoint',
    dockerfile: `FROM BASE AS a
CMD echo shell form
ENTRYPOINT ["echo", "exec"]
CMD ["one", "two"]
FROM a AS b
ENTRYPOINT echo resets cmd
FROM b
CMD []
`,
  },
  {
    name: 'entrypoint-resets-cmd-of-base',
    first: `FROM BASE
CMD ["of", "base"]
ENV A=1
`,
    dockerfile: `FROM FIRST
ENTRYPOINT ["new"]
`,
  },
  {
    name: 'shell',
    dockerfile: `FROM BASE
SHELL ["/bin/sh", "-xc"]
CMD a b
ENTRYPOINT c d
RUN echo x > /x
HEALTHCHECK CMD check it
`,
  },
  {
    name: 'healthcheck',
    dockerfile: `FROM BASE
HEALTHCHECK --interval=5m --timeout=3s --start-period=1m30s --retries=5 --start-interval=2s \\
  CMD ["check", "it"]
`,
  },
  {
    name: 'healthcheck-none',
    dockerfile: `FROM BASE
HEALTHCHECK CMD x
HEALTHCHECK NONE
`,
  },
  {
    name: 'expose-and-volume',
    dockerfile: `FROM BASE
EXPOSE 80 443/tcp 53/udp 8000-8003 9/sctp
EXPOSE 80
VOLUME /a /b
VOLUME /a relative
RUN mkdir /a && echo kept > /a/file
`,
  },
  {
    name: 'user-and-workdir',
    dockerfile: `FROM BASE
RUN echo someone:x:1234:1234::/home/someone:/bin/sh >> /etc/passwd && mkdir -p /home/someone && chown 1234:1234 /home/someone
USER someone
WORKDIR /home/someone/deep/er
RUN echo mine > /home/someone/file && mkdir /home/someone/made
WORKDIR ../up
WORKDIR relative
RUN pwd > /home/someone/where
USER 42:43
WORKDIR /by-number
USER root:daemon
WORKDIR /
WORKDIR tmp
`,
  },
  {
    name: 'stopsignal',
    dockerfile: `FROM BASE
STOPSIGNAL SIGKILL
STOPSIGNAL 9
`,
  },
  {
    name: 'onbuild',
    dockerfile: `FROM FIRST
RUN cat /triggered
`,
    first: `FROM BASE
ONBUILD RUN echo triggered > /triggered
ONBUILD ENV BY=trigger
ONBUILD COPY Dockerfile /copied
ONBUILD WORKDIR /on
ONBUILD LABEL by=\${BY}
ENV X=1
ONBUILD CMD ["x"]
`,
  },
  {
    name: 'onbuild-kept',
    dockerfile: `FROM BASE
ONBUILD ADD . /app
ONBUILD RUN ["a", "b"]
ONBUILD run echo $X
`,
  },
  {
    name: 'env-of-base',
    first: `FROM BASE
ENV PATH=/opt:$PATH A=1
LABEL l=base k=base
USER nobody
EXPOSE 1
VOLUME /v
STOPSIGNAL SIGINT
HEALTHCHECK CMD x
`,
    dockerfile: `FROM FIRST
ENV A=2 PATH=$PATH:/end B=\${A}
LABEL l=child
EXPOSE 2
VOLUME /w
RUN id -u > /tmp/id
`,
  },
]
