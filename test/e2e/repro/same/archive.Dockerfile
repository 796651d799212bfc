FROM busybox
ADD archive.tar.gz /unpacked/
ADD --chown=3:4 archive.tar.gz /owned/
ADD --unpack=false archive.tar.gz /kept/
ADD one.txt folder /added/
