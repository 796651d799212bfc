FROM busybox
RUN mkdir /s && cd /s && mkfifo pipe && mknod null c 1 3 && touch setuid sticky && chmod 4755 setuid && chmod 1777 sticky
RUN truncate -s 3M /s/hole && dd if=/dev/zero of=/s/zeros bs=1M count=1 && printf end | dd of=/s/behind-hole bs=1 seek=1000000
