# Makes a sysroot for $target out of $zig: headers, and the C library, compiler-rt and start file that zig builds when it
# first links a program. Of zig's cache, which records times and inodes, only those files are kept, packed again; so the
# sysroot is the same whoever builds it, and compilers that use it need no cache.
zig=$zig/ziglang
arch=${target%%-*}
case $arch in x86_64) headers=x86 ;; *) headers=$arch ;; esac
mkdir -p "$out/lib" "$out/usr/include" "$out/clang/lib/linux"
for each in any-linux-any "$headers-linux-any" generic-musl "$target"; do
  cp -R "$zig/lib/libc/include/$each/." "$out/usr/include/"
  chmod -R u+w "$out/usr/include"
done
cp -R "$zig/lib/include" "$out/clang/"

# -mcpu=baseline: zig's default is the processor that it runs on.
export ZIG_GLOBAL_CACHE_DIR=cache ZIG_LOCAL_CACHE_DIR=cache
echo 'int main(void) { return 0; }' > program.c
"$zig/zig" cc -target "$target" -mcpu=baseline -O2 -s -fno-sanitize=all -v -o program program.c 2> said || {
  cat said >&2
  exit 1
}
linked=$(grep '^ld.lld .* -o program' said | tr ' ' '\n' | grep '^cache/.*\.[ao]$')

# pack LIBRARY ARCHIVE...: the members of archives in one, without the paths that zig names them by. Their order stays: it
# is that of zig's list of sources, where the allocator that musl is to have comes before the other one.
pack() {
  library=$1
  shift
  for archive; do
    "$zig/zig" ar t "$archive"
  done > members
  "$zig/zig" ar qcsD "$library" @members
}

libc=
for file in $linked; do
  case ${file##*/} in
    crt1.o) cp "$file" "$out/lib/crt1.o" ;;
    libc.a|libzigc.a) libc="$libc $file" ;;
    libcompiler_rt.a) pack "$out/clang/lib/linux/libclang_rt.builtins-$arch.a" "$file" ;;
    program*.o) ;;
    *) echo "zig links $file, which this script does not know" >&2; exit 1 ;;
  esac
done
pack "$out/lib/libc.a" $libc

# What a driver of clang asks for and musl has within libc.a, or not at all.
: > nothing.c
"$zig/zig" clang --target="$target" -c nothing.c -o nothing.o
for name in crti crtn; do
  cp nothing.o "$out/lib/$name.o"
done
for name in crtbegin crtend; do
  cp nothing.o "$out/clang/lib/linux/clang_rt.$name-$arch.o"
done
for name in crypt dl m pthread resolv rt util xnet; do
  "$zig/zig" ar qcsD "$out/lib/lib$name.a"
done
