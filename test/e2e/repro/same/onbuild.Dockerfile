FROM with-triggers
RUN cat /trigger
