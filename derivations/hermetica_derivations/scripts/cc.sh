# Makes the compiler wrappers of the tool tree at / around $runtime.
mkdir -p "$out/bin" "$out/lib"
loader=$runtime/lib/ld-linux-x86-64.so.2
test -x "$loader"
cat > "$out/lib/runtime.specs" <<END
*link:
+ --build-id=none %{!static:%{!static-pie:%{!r:-rpath $runtime/lib --disable-new-dtags %{!shared:-dynamic-linker $loader}}}}
END
# c89 and c99 of the tree are scripts that call gcc, and thereby the wrapper.
for name in gcc cc g++ c++ x86_64-linux-gnu-gcc x86_64-linux-gnu-g++; do
  test -x "/usr/bin/$name" || continue
  sed -e "s|@real@|/usr/bin/$name|" -e "s|@specs@|$out/lib/runtime.specs|" "$wrapper" > "$out/bin/$name"
  chmod 755 "$out/bin/$name"
done
