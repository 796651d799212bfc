FROM busybox
COPY attributed /attributed
COPY --chown=5 attributed /again/
