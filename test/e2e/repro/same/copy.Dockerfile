FROM busybox
COPY one.txt /renamed
COPY one.txt two.txt folder/*.c /several/
COPY folder /folder
COPY . /all/
COPY link /link-itself
COPY one.txt /tmp/into/missing/folders
