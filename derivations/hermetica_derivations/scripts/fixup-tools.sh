# Programs that run in every tree of tools: linked statically.
mkdir -p "$out/bin"
gcc -O2 -static -D_GNU_SOURCE -o "$out/bin/shrink-rpath" "$shrink_rpath"
gcc -O2 -static -D_GNU_SOURCE -o "$out/bin/fix-times" "$fix_times"
strip "$out/bin/shrink-rpath" "$out/bin/fix-times"
