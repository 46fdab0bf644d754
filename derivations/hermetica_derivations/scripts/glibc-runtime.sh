# Copies out of the tool tree at / what a program needs to run: the loader, the C library and its companions, and what
# compilers link by themselves. Character sets (iconv) and the locale C.UTF-8 come along, and the C library looks for
# both here instead of below /usr.
mkdir -p "$out/lib/locale" "$out/lib/gconv"
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

cp -R gconv/. "$out/lib/gconv/"
rm -f "$out/lib/gconv/gconv-modules.cache"
"$libc_bin/usr/sbin/iconvconfig" --nostdlib -o "$out/lib/gconv/gconv-modules.cache" "$out/lib/gconv"

mkdir -p /tmp/root/usr/lib/locale
cp -R "$libc_bin/usr/lib/locale/C.utf8" /tmp/C.utf8
"$libc_bin/usr/bin/localedef" --prefix=/tmp/root --add-to-archive /tmp/C.utf8
cp /tmp/root/usr/lib/locale/locale-archive "$out/lib/locale/"

gcc -O2 -D_GNU_SOURCE -o /tmp/redirect-path "$redirect_path"
chmod u+w "$out/lib/libc.so.6"
/tmp/redirect-path "$out/lib/libc.so.6" "GNU C Library (" \
  /usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache "$out/lib/gconv/gconv-modules.cache" \
  /usr/lib/locale/locale-archive "$out/lib/locale/locale-archive"
