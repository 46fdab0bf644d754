# Phases of packages that are built with Meson.
: "${meson_flags=}" "${meson_test_flags=}" "${meson_build_type=release}" "${build_directory=$top/build}"

default_configure_phase() {
  eval "run meson setup \"\$build_directory\" --prefix=\"\$prefix\" --libdir=lib --buildtype=\"\$meson_build_type\" \
    --wrap-mode=nodownload $meson_flags"
}

default_build_phase() {
  eval "run ninja -C \"\$build_directory\" $jobs"
}

default_check_phase() {
  eval "run meson test -C \"\$build_directory\" --no-rebuild --print-errorlogs --num-processes=${jobs#-j} $meson_test_flags"
}

default_install_phase() {
  run meson install -C "$build_directory" --no-rebuild
}

# One line a test, by name: OK name
summarize_tests() {
  sed -n 's/^ *[0-9]*\/[0-9]* \(.*[^ ]\)  *\(OK\|SKIP\|EXPECTEDFAIL\|FAIL\|TIMEOUT\)  *[0-9.]*s.*/\2 \1/p' "$1" | sort
}
