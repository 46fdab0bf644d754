# Makes the compiler wrapper of the tool tree at / around $runtime.
mkdir -p "$out/bin" "$out/lib"
loader=$runtime/lib/ld-linux-x86-64.so.2
test -x "$loader"
cat > "$out/lib/runtime.specs" <<END
*link:
+ --build-id=none %{!static:%{!static-pie:%{!r:-rpath $runtime/lib --disable-new-dtags %{!shared:-dynamic-linker $loader}}}}
END
for name in gcc cc c99 c89 g++ c++; do
  test -x "/usr/bin/$name" || continue
  sed -e "s|@real@|/usr/bin/$name|" -e "s|@specs@|$out/lib/runtime.specs|" "$wrapper" > "$out/bin/$name"
  chmod 755 "$out/bin/$name"
done
