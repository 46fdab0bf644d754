# What an environment whose programs are static asks of build systems; and, where they are for another machine, which.
# $host_triplet and $build_triplet are set where the two differ.
configure_for_host() {
  test -f "$configure_script" || return 0
  if test -n "${host_triplet-}" && grep -q host_alias "$configure_script"; then
    configure_flags="--host=$host_triplet --build=$build_triplet $configure_flags"
  fi
  if grep -q enable_shared "$configure_script"; then
    configure_flags="--enable-static --disable-shared $configure_flags"
  fi
}
before_configure="configure_for_host${before_configure:+; $before_configure}"
cmake_flags="-DBUILD_SHARED_LIBS=OFF ${cmake_flags-}"
meson_flags="--default-library=static ${meson_cross_file:+--cross-file=$meson_cross_file} ${meson_flags-}"
