FROM busybox
RUN mkdir /l && cd /l && echo content >z && ln z a && mkdir b && ln z b/z && ln -s ../missing b/dangling && ln -s /l/b absolute
RUN ln /l/z /l/again && ln /etc/passwd /l/of-the-base && echo more >>/l/b/z
