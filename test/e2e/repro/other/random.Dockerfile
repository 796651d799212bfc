FROM busybox
RUN echo "seed=$RANDOM$RANDOM$RANDOM" >/seed
