# Upstream's program for glibc gets the loader and the libraries of $runtime in the place of the system's.
chmod u+w bin/node
run patchelf --set-interpreter "$runtime/lib/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$runtime/lib" bin/node
