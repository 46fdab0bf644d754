# A Python project: its build backend makes a wheel, which is the output. The interpreter and the build requirements are
# inputs; what is in their site-packages can be imported. Tests see the wheel installed in $tested.
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

default_check_phase() {
  test -n "$do_check" || return 0
  tested=$top/tested
  run "$python" -P "$install_wheel" "$top/dist" "$tested" "$python"
  tested=$(echo "$tested"/lib/python*/site-packages)
  test -n "$import_check" || return 0
  (cd "$top" && PYTHONPATH="$tested:${PYTHONPATH-}" run "$python" -P -c "import $import_check")
}

default_install_phase() {
  mkdir -p "$out"
  cp "$top"/dist/*.whl "$out/"
}
