# Copies out of the tool tree at / what a program needs to run: the loader, the C library and its companions, and what
# compilers link by themselves.
mkdir -p "$out/lib"
cd /usr/lib/x86_64-linux-gnu
for name in \
  ld-linux-x86-64.so.2 libc.so.6 libm.so.6 libmvec.so.1 libpthread.so.0 libdl.so.2 librt.so.1 libutil.so.1 libanl.so.1 \
  libresolv.so.2 libnss_files.so.2 libnss_dns.so.2 libnss_compat.so.2 libthread_db.so.1 libBrokenLocale.so.1 \
  libgcc_s.so.1 libstdc++.so.6 libatomic.so.1 libgomp.so.1 libquadmath.so.0 libcrypt.so.1
do
  if test -e "$name"; then
    cp -L "$name" "$out/lib/$name"
  fi
done
chmod 755 "$out/lib/ld-linux-x86-64.so.2"
for needed in ld-linux-x86-64.so.2 libc.so.6 libm.so.6 libgcc_s.so.1; do
  test -e "$out/lib/$needed" || { echo "the tool tree has no $needed" >&2; exit 1; }
done
