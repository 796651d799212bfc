import { file, folder, link, type CompareCase, type ContextEntry } from '../compare-case.ts'

const small: readonly ContextEntry[] = [
  file('a.txt'),
  file('b.txt'),
  file('.hidden'),
  file('dir/one'),
  file('dir/two.txt'),
  file('dir/sub/deep'),
  folder('dir/empty'),
]

/** Files of the context and of other stages. */
export const copyCases: readonly CompareCase[] = [
  {
    name: 'copy-places',
    dockerfile: `FROM BASE
WORKDIR /work
COPY a.txt renamed
COPY a.txt folder/
COPY a.txt b.txt /two/
COPY dir dir-content
COPY dir/ /with/slash/
COPY dir/sub ./
COPY . /all
COPY a.txt /etc
COPY ./dir/../a.txt ../up
COPY /a.txt /../../outside
COPY a.txt /tmp/
`,
    context: small,
  },
  {
    name: 'copy-patterns',
    dockerfile: `FROM BASE
COPY *.txt /star/
COPY dir/* /of-dir/
COPY [ab].txt /class/
COPY ?.txt /question/
COPY d*/one /part/
COPY dir*/sub /folders/
COPY .h* /hidden/
COPY *nothing* a.txt /some/
`,
    context: small,
  },
  {
    name: 'copy-modes',
    dockerfile: `FROM BASE
COPY . /as-is
COPY --chmod=600 run.sh secret /m600/
COPY --chmod=0755 dir /m755
COPY --chmod=2770 dir /m2770/made/
`,
    context: [
      file('run.sh', 'x', 0o755),
      file('secret', 'x', 0o600),
      file('writable', 'x', 0o666),
      file('setuid', 'x', 0o4755),
      file('none', 'x', 0o000),
      folder('dir', 0o700),
      file('dir/x', 'x', 0o400),
      folder('shared', 0o1777),
      folder('setgid', 0o2775),
    ],
  },
  {
    name: 'copy-chmod-symbolic',
    dockerfile: `FROM BASE
COPY --chmod=u=rwX,go=rX dir /a
COPY --chmod=+x,g-r file /b
COPY --chmod=a=r,u+w file /c
`,
    context: [file('file'), file('dir/x', 'x', 0o755), file('dir/y', 'y', 0o600), folder('dir/sub', 0o700)],
  },
  {
    name: 'copy-owners',
    dockerfile: `FROM BASE
RUN echo group:x:600: >> /etc/group && echo user:x:500:600::/home/user:/bin/sh >> /etc/passwd
COPY --chown=user a.txt /by-name/
COPY --chown=user:daemon a.txt /names
COPY --chown=1:2 dir /numbers
COPY --chown=500 a.txt /number
COPY --chown=:3 a.txt /only-group
COPY --chown=user:group --chmod=640 dir /new/deep/
USER user
COPY a.txt /still-root
WORKDIR /of-user
COPY a.txt .
`,
    context: small,
  },
  {
    name: 'copy-links',
    dockerfile: `FROM BASE
RUN mkdir -p /real/inner && ln -s /real /abs && ln -s real /rel && ln -s /nowhere /dangling && echo x > /f && ln -s f /to-file
COPY . /all
COPY to-file /followed
COPY to-dir /followed-dir/
COPY to-dir/x /through
COPY dir/ /abs/
COPY a.txt /rel/inner/
COPY a.txt /abs/new/deep/
COPY a.txt /to-file
`,
    context: [
      file('a.txt'),
      file('dir/x'),
      link('to-file', 'a.txt'),
      link('to-dir', 'dir'),
      link('dir/up', '../a.txt'),
      link('broken', 'nothing'),
      link('absolute', '/etc/passwd'),
    ],
  },
  {
    name: 'copy-hard-links',
    dockerfile: `FROM BASE
COPY . /all
COPY dir/a dir/b /two/
`,
    context: [
      file('dir/a'),
      { path: 'dir/b', type: 'hard-link', mode: 0o644, text: 'dir/a' },
      { path: 'c', type: 'hard-link', mode: 0o644, text: 'dir/a' },
    ],
  },
  {
    name: 'copy-link-flag',
    dockerfile: `FROM BASE
COPY --link a.txt /x/a.txt
COPY --link --chown=5:6 --chmod=750 dir /etc/dir
COPY --link *.txt /tmp/
ADD --link dir /new/deep
COPY --link --chown=5:6 --chmod=750 dir /owned/deep/er
COPY --link a.txt /usr/bin/
`,
    context: small,
  },
  {
    name: 'copy-over',
    dockerfile: `FROM BASE
RUN mkdir -p /d/sub /e && echo old > /d/a.txt && echo old > /d/other && chmod 700 /d && chown 7:8 /d
COPY dir /d
COPY a.txt /d/
COPY a.txt /d/other
COPY dir2 /d
COPY dir /e/
`,
    context: [...small, file('dir2/sub/x'), file('dir2/one', 'second')],
  },
  {
    name: 'copy-ignore',
    dockerfile: `FROM BASE
COPY . /all
COPY dir /dir
`,
    context: [
      ...small,
      file(
        '.dockerignore',
        '# comment\n*.txt\n!a.txt\n**/sub\ndir/empty\n\n/logs/*\n!logs/keep\nDockerfile\n',
      ),
      file('logs/x'),
      file('logs/keep'),
      file('deep/er/sub/x'),
      file('deep/er/b.txt'),
    ],
  },
  {
    name: 'copy-names',
    dockerfile: `FROM BASE
COPY . /all
COPY ["with space", "/with space/and more/"]
COPY ü* -dash /odd/
`,
    context: [
      file('with space'),
      file('ümlaut'),
      file('-dash'),
      file('#hash'),
      file('quote"s'),
      file("it's"),
      file('back\\slash'),
      file('star*'),
      file(`${'long'.repeat(50)}/${'name'.repeat(40)}/${'x'.repeat(100)}`),
      folder('empty folder'),
    ],
  },
  {
    name: 'copy-from',
    dockerfile: `FROM BASE AS files
RUN mkdir -p /src/sub /src/empty && cd /src && echo 1 > file && ln -s file link && ln file hard && mkfifo fifo \\
  && chown 3:4 sub && chmod 4711 file && chmod 1777 sub && echo 2 > sub/x && ln -s /src /src-link
FROM BASE
COPY --from=files /src /a
COPY --from=files /src/file /src/link /b/
COPY --from=files --chown=9:9 /src/sub /c
COPY --from=files --chmod=700 /src/sub /d
COPY --from=files /src-link/file /src-link /e/
COPY --from=files /src/s* /f/
COPY --from=files /src/file /src/hard /g/
COPY --from=files /src /src/sub/x /h/
COPY --from=BASE /etc/passwd /from-image
`,
  },
  {
    name: 'copy-exclude',
    dockerfile: `FROM BASE
COPY --exclude=*.txt --exclude=sub dir /a
COPY --exclude=**/deep --exclude=empty . /b/
ADD --exclude=o* dir /c/
COPY --exclude=* --exclude=!one dir /d
`,
    context: small,
  },
  {
    name: 'copy-context',
    dockerfile: `FROM BASE
COPY --from=more x /x
COPY --from=more . /all
`,
    context: [file('extra/x'), file('extra/y/z')],
    options: ['--build-context', 'more=CONTEXT/extra'],
  },
]
