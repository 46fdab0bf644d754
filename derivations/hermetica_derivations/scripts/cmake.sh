# Phases of packages that are built with CMake.
: "${cmake_flags=}" "${ctest_flags=}" "${cmake_build_type=Release}" "${build_directory=$top/build}"

default_configure_phase() {
  if command -v ninja > /dev/null; then generator=Ninja; else generator="Unix Makefiles"; fi
  eval "run cmake -S . -B \"\$build_directory\" -G \"\$generator\" \
    -DCMAKE_BUILD_TYPE=\"\$cmake_build_type\" -DCMAKE_INSTALL_PREFIX=\"\$prefix\" -DCMAKE_INSTALL_LIBDIR=lib \
    -DBUILD_TESTING=${do_check:-0} -DCMAKE_EXPORT_NO_PACKAGE_REGISTRY=ON -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF \
    -DFETCHCONTENT_FULLY_DISCONNECTED=ON -Wno-dev $cmake_flags"
}

default_build_phase() {
  eval "run cmake --build \"\$build_directory\" $jobs"
}

default_check_phase() {
  eval "run ctest --test-dir \"\$build_directory\" --output-on-failure $jobs $ctest_flags"
}

default_install_phase() {
  run cmake --install "$build_directory"
}

# One line a test, by name: Passed name
summarize_tests() {
  sed -n 's/^ *[0-9]*\/[0-9]* *Test *#[0-9]*: \([^ ]*\) \.* *\**\([A-Za-z ]*[A-Za-z]\).*/\2 \1/p' "$1" | sort
}
