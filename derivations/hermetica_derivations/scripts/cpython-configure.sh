# Where CPython's setup.py looks for headers and libraries: it reads variables of its own, not those of the compiler.
for input in $all_inputs; do
  test ! -d "$input/include" || CPPFLAGS="${CPPFLAGS:+$CPPFLAGS }-I$input/include"
  test ! -d "$input/lib" || LDFLAGS="${LDFLAGS:+$LDFLAGS }-L$input/lib"
done
export CPPFLAGS LDFLAGS OPT="-DNDEBUG -fwrapv -O2 -Wall"
# Libraries of the tool tree, which no output may link.
printf '%s\n' '*disabled*' nis _tkinter _dbm _gdbm ossaudiodev spwd > Modules/Setup.local
# Byte code is made once, at the end: three levels of optimisation are three times the files, and nobody uses two.
sed -i 's|$(DESTDIR)$(LIBDEST)/compileall.py|-c pass|' Makefile.pre.in
