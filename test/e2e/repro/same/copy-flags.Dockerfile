FROM busybox
COPY --chown=build:wheel --chmod=640 one.txt /owned/
COPY --chmod=o=u,g+w folder /symbolic/
COPY --exclude=*.c --exclude=deep folder /without/
COPY --parents folder/deep/a.txt folder/./deep/b.txt /parents/
