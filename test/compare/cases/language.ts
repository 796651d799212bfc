import { file, type CompareCase } from '../compare-case.ts'

/** How a Dockerfile is read: lines, quotes, variables, stages, heredocs. */
export const languageCases: readonly CompareCase[] = [
  {
    name: 'lines',
    dockerfile: `# a comment
FROM BASE
# between
RUN echo one && \\
# a comment inside

    echo two && \\
    echo "three \\
four"
ENV A=1 \\
    B="two words" \\
    C=three\\ words
RUN ["echo", "exec form", "$A"]
run echo lower case
CMD echo "$A   $B"
`,
  },
  {
    name: 'escape-directive',
    dockerfile: `# escape=\`
FROM BASE
ENV P=C:\\dir\\sub Q="a\`"b"
RUN echo one && \`
    echo two
LABEL p=\${P} l=a\`
b
WORKDIR /w\\x
`,
  },
  {
    name: 'variables',
    dockerfile: `FROM BASE
ENV A=value EMPTY=
ENV D1=\${A:-default} D2=\${NONE:-default} D3=\${EMPTY:-default} D4=\${EMPTY-default}
ENV P1=\${A:+other} P2=\${NONE:+other} P3=\${EMPTY:+other} P4=\${EMPTY+other}
ENV F=path/to/file.tar.gz
ENV S1=\${F#*/} S2=\${F##*/} S3=\${F%.*} S4=\${F%%.*} S5=\${F/to/from} S6=\${F//a/A}
ENV Q1='$A' Q2="$A" Q3=\\$A Q4="\\$A" Q5='it''s' Q6=x"y"'z' Q7="a'b" Q8=\${A}\${A}
ENV N=\${A:-\${NONE:-x}} E=a\\\\b
ENV A=second B=$A
ENV OLD form of it with   spaces
LABEL a=$A b="\${B} x" 'c d'='$A'
`,
  },
  {
    name: 'variables-everywhere',
    dockerfile: `FROM BASE
ARG DIR=/work
ARG PORT=80
ENV NAME=some USERNAME=nobody SIG=SIGUSR1
WORKDIR $DIR/\${NAME}
COPY --chown=\${USERNAME} \${NAME}.txt ./\${NAME}/
ADD \${NAME}.txt \${DIR}/\${NAME}-added
EXPOSE $PORT \${PORT}80/udp
VOLUME $DIR/volume
USER \${USERNAME}
STOPSIGNAL $SIG
LABEL name=$NAME dir="$DIR"
CMD echo $NAME
ENTRYPOINT ["echo", "$NAME"]
HEALTHCHECK CMD echo $NAME
ONBUILD RUN echo $NAME
`,
    context: [file('some.txt')],
  },
  {
    name: 'arguments',
    dockerfile: `ARG TAG=latest
ARG UNUSED
FROM BASE:\${TAG} AS one
ARG TAG
ARG FIRST=default
ARG SECOND
ARG EMPTY=
ENV FROM_ARG=\${FIRST}-\${SECOND}-\${TAG}-\${EMPTY:-e}
RUN echo $FIRST $SECOND > /args
ENV FIRST=of-env
RUN echo $FIRST >> /args
FROM one
ARG FIRST
RUN echo "$FIRST" >> /args
ENV LAST=$FIRST
`,
    options: ['--build-arg', 'FIRST=given', '--build-arg', 'SECOND=second'],
  },
  {
    name: 'arguments-predefined',
    dockerfile: `FROM BASE
ARG TARGETPLATFORM
ARG TARGETARCH
ARG BUILDPLATFORM
ARG TARGETSTAGE
ENV P=$TARGETPLATFORM A=$TARGETARCH B=$BUILDPLATFORM S=$TARGETSTAGE
RUN echo "$HTTP_PROXY $http_proxy" > /proxy
`,
    options: ['--build-arg', 'HTTP_PROXY=http://127.0.0.1:1'],
  },
  {
    name: 'heredocs',
    dockerfile: `FROM BASE
ENV V=value
RUN <<EOF
echo one > /run
echo "$V" >> /run
EOF
RUN <<-'EOF' cat > /raw
	tabs go
	$V stays
	EOF
RUN cat <<A > /two && cat <<B >> /two
first $V
A
second
B
COPY <<EOF /copied
expanded $V \\$V
EOF
COPY <<"EOF" <<two /files/
raw $V
EOF
second \${V}
two
COPY --chmod=755 <<EOF /script
#!/bin/sh
EOF
ADD <<EOF /added/
in a folder
EOF
RUN <<EOF
#!/bin/sh
echo shebang > /shebang
EOF
`,
  },
  {
    name: 'stages',
    dockerfile: `FROM BASE AS Build
RUN echo built > /built
WORKDIR /of-build
FROM scratch AS empty
COPY --from=build /built /from-name
COPY --from=0 /built /from-number
FROM BASE AS unused
RUN false
FROM build AS child
RUN echo child > child
FROM empty AS last
COPY --from=child /of-build /of-child
LABEL last=yes
`,
  },
  {
    name: 'target',
    dockerfile: `FROM BASE AS one
RUN echo 1 > /one
LABEL stage=one
FROM BASE AS two
RUN false
`,
    options: ['--target', 'one', '--label', 'given=x y', '--label', 'stage=over'],
  },
  {
    name: 'scratch',
    dockerfile: `FROM scratch
COPY . /
ENV A=1
CMD ["/a"]
`,
    context: [file('a'), file('b/c')],
  },
  {
    name: 'nothing-but-from',
    dockerfile: 'FROM BASE\n',
  },
  {
    name: 'json-forms',
    dockerfile: `FROM BASE
CMD [ "a" , "b\\"c", "d\\u0041", "tab\\t" ]
RUN ["sh", "-c", "echo 'x y' > /x"]
COPY ["a b.txt", "/with space/"]
VOLUME ["/v 1", "/v2"]
SHELL ["/bin/sh", "-e", "-c"]
RUN echo shell > /shell
ENTRYPOINT [not json]
`,
    context: [file('a b.txt')],
  },
]
