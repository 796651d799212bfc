FROM busybox
RUN mkdir /odd && cd /odd && for name in z a M 10 9 2 'with space' "$(printf 'new\nline')" "$(printf 'byte\377')" ünïcode; do echo "$name" >"$name"; done
RUN cd /odd && for i in 5 3 4 1 2; do mkdir -p "d$i/e$i" && echo $i >"d$i/e$i/file"; done && rm a && mv z y && rm -r d3
RUN long=$(printf 'l%.0s' $(seq 1 120)) && mkdir -p /odd/$long/$long/$long && echo long >/odd/$long/$long/$long/$long
