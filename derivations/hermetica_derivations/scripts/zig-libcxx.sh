# Compiles libc++, its ABI library and the unwinder, whose sources come with $zig, by the compiler on the PATH, into
# one static library. Source: src/libs/libcxx.zig and src/libs/libunwind.zig of zig, for the lists of sources and flags.
lib=$zig/ziglang/lib
headers=$out/include/c++/v1
mkdir -p "$headers" "$out/lib" objects
cp -R "$lib/libcxx/include/." "$headers/"
chmod -R u+w "$out"
cp -R "$lib/libcxxabi/include/." "$headers/"
chmod -R u+w "$out"
cp "$lib"/libunwind/include/*.h "$headers/"

# zig gives these to its compiler on the command line; upstream has them in this header, which every other includes.
cat > "$headers/__config_site" <<'END'
#define _LIBCPP_ABI_VERSION 1
#define _LIBCPP_ABI_NAMESPACE __1
#define _LIBCPP_HAS_THREADS 1
#define _LIBCPP_HAS_MONOTONIC_CLOCK 1
#define _LIBCPP_HAS_TERMINAL 1
#define _LIBCPP_HAS_MUSL_LIBC 1
#define _LIBCPP_HAS_THREAD_API_PTHREAD 1
#define _LIBCPP_HAS_VENDOR_AVAILABILITY_ANNOTATIONS 0
#define _LIBCPP_HAS_FILESYSTEM 1
#define _LIBCPP_HAS_RANDOM_DEVICE 1
#define _LIBCPP_HAS_LOCALIZATION 1
#define _LIBCPP_HAS_UNICODE 1
#define _LIBCPP_HAS_WIDE_CHARACTERS 1
#define _LIBCPP_HAS_TIME_ZONE_DATABASE 1
#define _LIBCPP_PSTL_BACKEND_SERIAL 1
#define _LIBCPP_HARDENING_MODE_DEFAULT _LIBCPP_HARDENING_MODE_NONE
#define _LIBCPP_DISABLE_VISIBILITY_ANNOTATIONS
#define _LIBCXXABI_DISABLE_VISIBILITY_ANNOTATIONS
END
sed -i 's|^#define _LIBCPP___CONFIG$|&\n#include <__config_site>|' "$headers/__config"
grep -q '^#include <__config_site>' "$headers/__config"

common="-O2 -w -DNDEBUG -fvisibility=hidden -fvisibility-inlines-hidden -funwind-tables"
common="$common -nostdinc++ -isystem $headers -I$lib/libcxx/src -I$lib/libcxx/libc"
compile() { # compile FLAGS SOURCE...: says the command for each
  flags=$1
  shift
  for source do
    object=objects/$(echo "${source#"$lib/"}" | tr / -).o
    case $source in
      *.cpp) program="cc -std=c++23" ;;
      *) program=cc ;;
    esac
    echo "$program $common $flags -c $source -o $object"
  done
}
{
  compile "-D_LIBCPP_BUILDING_LIBRARY -DLIBCXX_BUILDING_LIBCXXABI -DLIBC_NAMESPACE=__llvm_libc_common_utils" \
    "$lib"/libcxx/src/*.cpp "$lib"/libcxx/src/filesystem/*.cpp "$lib"/libcxx/src/ryu/*.cpp \
    "$lib"/libcxx/src/experimental/*.cpp
  # The operators new and delete are in libc++ already.
  for source in "$lib"/libcxxabi/src/*.cpp; do
    case ${source##*/} in
      cxa_noexception.cpp|stdlib_new_delete.cpp) ;;
      *) compile "-D_LIBCXXABI_BUILDING_LIBRARY -D_LIBCPP_BUILDING_LIBRARY -DLIBCXXABI_USE_LLVM_UNWINDER" "$source" ;;
    esac
  done
  for name in libunwind.cpp UnwindLevel1.c UnwindLevel1-gcc-ext.c gcc_personality_v0.c Unwind-sjlj.c \
    UnwindRegistersRestore.S UnwindRegistersSave.S
  do
    compile "-fno-exceptions -D_LIBUNWIND_IS_NATIVE_ONLY -I$lib/libunwind/include" "$lib/libunwind/src/$name"
  done
} > commands
xargs -P "$HERMETICA_BUILD_CORES" -I '{}' sh -c '{} || exit 255' < commands
find objects -name '*.o' | sort > members
ar qcsD "$out/lib/libc++.a" @members
