# Makes the programs of a compiler for $target: clang and lld, which zig's program has within it, around $sysroot and,
# where it is given, the C++ library $cxx. They need no cache, know no processor but the one of $target, and write
# neither debug information nor a path of their own into what they make.
zig=$zig/ziglang/zig
mkdir -p "$out/bin" "$out/etc"
cat > "$out/etc/common.cfg" <<END
--target=$target
--sysroot=$sysroot
-resource-dir $sysroot/clang
--ld-path=$out/bin/ld.lld
-rtlib=compiler-rt
-unwindlib=none
-stdlib=libc++
-static
-s
-ffile-prefix-map=$sysroot=/usr
-ffile-prefix-map=/build=.
-Qunused-arguments
${cxx:+-cxx-isystem $cxx/include/c++/v1
-L$cxx/lib}
END
install() { # install NAME TEXT: a program
  printf '%s\n' "#!/bin/sh" "$2" > "$out/bin/$1"
  chmod 755 "$out/bin/$1"
}
for name in cc gcc clang c89 c99 cpp ${cxx:+c++ g++ clang++}; do
  case $name in
    *++) mode=--driver-mode=g++ ;;
    cpp) mode=--driver-mode=cpp ;;
    c89) mode=-std=c90 ;;
    c99) mode=-std=c99 ;;
    *) mode= ;;
  esac
  sed -e "s|@clang@|$zig clang --config=$out/etc/common.cfg $mode|" "$wrapper" > "$out/bin/$name"
  chmod 755 "$out/bin/$name"
done
for name in ld ld.lld; do
  install $name "exec $zig ld.lld \"\$@\""
done
for name in ar ranlib; do
  install $name "exec $zig $name \"\$@\""
done
# The linker has stripped already, and no object has debug information.
install strip 'exit 0'
for name in cc gcc clang cpp ${cxx:+c++ g++ clang++} ld ar ranlib strip; do
  ln -s "$name" "$out/bin/$target-$name"
done

# How CMake and Meson are told that programs are for another machine, which this one cannot run.
arch=${target%%-*}
cat > "$out/etc/toolchain.cmake" <<END
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR $arch)
set(CMAKE_C_COMPILER $out/bin/cc)
${cxx:+set(CMAKE_CXX_COMPILER $out/bin/c++)}
set(CMAKE_AR $out/bin/ar CACHE FILEPATH "")
set(CMAKE_RANLIB $out/bin/ranlib CACHE FILEPATH "")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
END
cat > "$out/etc/meson.ini" <<END
[binaries]
c = '$out/bin/cc'
${cxx:+cpp = '$out/bin/c++'}
ar = '$out/bin/ar'
ranlib = '$out/bin/ranlib'
strip = '$out/bin/strip'
pkg-config = 'pkg-config'
[host_machine]
system = 'linux'
cpu_family = '$arch'
cpu = '$arch'
endian = 'little'
END
