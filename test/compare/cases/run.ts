import { file, type CompareCase } from '../compare-case.ts'

/** What commands leave behind. */
export const runCases: readonly CompareCase[] = [
  {
    name: 'run-kinds',
    dockerfile: `FROM BASE
RUN mkdir /k && cd /k && echo x > file && ln -s file link && ln file hard && mkfifo fifo && mknod null c 1 3 \\
  && chmod 4755 file && mkdir -m 1777 sticky && mkdir -m 2755 setgid && chown 12:34 link && chown -h 56:78 link
RUN cd /k && chmod 600 file && ln hard third && mv fifo pipe && touch new
`,
  },
  {
    name: 'run-removes',
    dockerfile: `FROM BASE
RUN mkdir -p /r/a/b /r/c && echo 1 > /r/a/b/1 && echo 2 > /r/a/2 && echo 3 > /r/c/3 && echo 4 > /r/4 && ln -s c /r/link
RUN rm -r /r/a && rm /r/4
RUN rm -r /r/c && mkdir /r/c && echo new > /r/c/new
RUN rm /r/link && mkdir /r/link && echo x > /r/link/x
RUN rm -r /r/link && echo file > /r/link
RUN mkdir /r/a && rm /etc/shadow
`,
  },
  {
    name: 'run-metadata',
    dockerfile: `FROM BASE
RUN mkdir /m && echo x > /m/x
RUN chmod 700 /m
RUN chown 1:1 /m/x
RUN touch -d '2001-02-03 04:05:06' /m/x
RUN mv /m /n
RUN true
`,
  },
  {
    name: 'run-mounts',
    dockerfile: `FROM BASE AS other
RUN echo of-other > /data
FROM BASE
RUN --mount=type=cache,target=/cache echo x > /cache/x && ls /cache > /listed
RUN --mount=type=bind,source=dir,target=/deep/bound cat /deep/bound/x > /read
RUN --mount=type=bind,from=other,source=/data,target=/other-data cat /other-data >> /read
RUN --mount=type=tmpfs,target=/scratch echo x > /scratch/x
RUN --mount=type=secret,id=key cat /run/secrets/key > /length && wc -c < /length > /count && rm /length
RUN --mount=type=secret,id=key,target=/etc/key,mode=0444 test -s /etc/key
RUN --mount=type=secret,id=key,env=KEY test -n "$KEY"
`,
    context: [file('dir/x'), file('key', 'secret value')],
    options: ['--secret', 'id=key,src=CONTEXT/key'],
  },
  {
    name: 'run-flags',
    dockerfile: `FROM BASE
RUN --network=none ls /sys/class/net > /net
RUN --network=default echo x > /default
RUN --mount=type=cache,target=/c,id=x,sharing=locked,uid=5,gid=6,mode=0700 stat -c '%u %g %a' /c > /cache-owner
`,
  },
  {
    name: 'run-environment',
    dockerfile: `FROM BASE
ENV A=1
ARG B=2
RUN env | grep -v -e HOSTNAME -e SHLVL | sort > /env
USER nobody
RUN env | grep -e HOME -e USER | sort > /tmp/env; id > /tmp/id
WORKDIR /w
RUN pwd > /tmp/pwd; umask > /tmp/umask; ulimit -n > /dev/null
`,
  },
  {
    name: 'run-rewrites-base',
    dockerfile: `FROM BASE
RUN echo more >> /etc/passwd
RUN rm -r /var && mkdir /var
RUN chmod 711 / && chown 1 /tmp
RUN ln -sf busybox /bin/newname && rm /bin/vi
COPY x /bin/x
RUN echo x > /etc/hosts.mine; cat /etc/hosts > /dev/null; cat /etc/resolv.conf > /dev/null
`,
    context: [file('x')],
  },
]
