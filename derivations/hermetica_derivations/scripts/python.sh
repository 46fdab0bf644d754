# A Python project: its build backend makes a wheel, which is the output. The interpreter and the build requirements are
# inputs; what is in their site-packages can be imported.
default_configure_phase() {
  python=
  for input in $all_inputs; do
    test -z "$python" && test -x "$input/bin/python3" && python=$input/bin/python3
    for directory in "$input"/lib/python*/site-packages; do
      extend PYTHONPATH "$directory"
    done
  done
  test -n "$python" || { echo "no declared input has bin/python3" >&2; exit 1; }
  export PYTHONPATH PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
}

default_build_phase() {
  run "$python" -P "$build_wheel" "$top/dist" "${config_settings-}"
}

# Before the tests: the wheel goes into $tested, where they import it from.
installed_for_tests() {
  run "$python" -P "$install_wheel" "$top/dist" "$top/tested" "$python"
  tested=$(echo "$top"/tested/lib/python*/site-packages)
  PYTHONPATH=$tested${PYTHONPATH:+:$PYTHONPATH}
  test -z "${import_check-}" || (cd "$top" && run "$python" -P -c "import $import_check")
}

default_check_phase() {
  :
}

default_install_phase() {
  mkdir -p "$out"
  cp "$top"/dist/*.whl "$out/"
}
