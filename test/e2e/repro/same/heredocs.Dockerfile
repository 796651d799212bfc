FROM busybox
RUN <<SCRIPT
set -e
mkdir /run-heredoc
echo "$0" >/run-heredoc/name
SCRIPT
RUN <<EOT
#!/bin/busybox sh
for i in 3 1 2; do echo $i >/run-heredoc/$i; done
EOT
ARG WHO=world
COPY <<hello.txt <<"raw.txt" /heredocs/
hello $WHO
hello.txt
hello $WHO
raw.txt
