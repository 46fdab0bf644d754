# The default phases: those of the autotools and of plain make. A build system brings others of the same names.
default_unpack_phase() {
  test -n "$src" || return 0
  if test -d "$src"; then
    mkdir source
    cp -R "$src/." source/
  else
    mkdir .unpack
    case $src in
      *.tar.gz|*.tgz) gzip -dc "$src" | tar -xf - -C .unpack ;;
      *.tar.bz2|*.tbz2) bzip2 -dc "$src" | tar -xf - -C .unpack ;;
      *.tar.xz|*.txz) xz -dc "$src" | tar -xf - -C .unpack ;;
      *.tar) tar -xf "$src" -C .unpack ;;
      *) cp "$src" ".unpack/${src##*/hx??????????????????????????????-}" ;;
    esac
    set -- .unpack/*
    if test $# = 1 && test -d "$1"; then mv "$1" source; rmdir .unpack; else mv .unpack source; fi
  fi
  chmod -R u+w source
  cd "source/$source_root"
}

default_patch_phase() {
  for patch in $patches; do
    eval "run patch $patch_flags -i \"\$patch\""
  done
}

default_configure_phase() {
  if test -f "$configure_script"; then
    eval "run /bin/sh $configure_script --prefix=\"\$prefix\" $configure_flags"
  fi
}

default_build_phase() {
  eval "run make $jobs $make_flags $build_targets"
}

default_check_phase() {
  eval "run make $jobs $make_flags $check_flags $check_targets"
}

default_install_phase() {
  eval "run make $make_flags $install_flags $install_targets"
}

# What the tests said, without what differs from day to day: the totals of automake's harness.
summarize_tests() {
  awk '/^# (TOTAL|PASS|SKIP|XFAIL|FAIL|XPASS|ERROR): +[0-9]+$/ {
      if (!($2 in count)) order[++names] = $2
      count[$2] += $3
    }
    END { for (n = 1; n <= names; n++) print tolower(order[n]), count[order[n]] }' "$1"
}

# tested COMMAND…: runs it; where there is an output check, also writes there what the tests said.
tested() {
  if ! has_output check; then
    "$@"
    return
  fi
  { set +e; ( set -e; "$@" ) 2>&1; echo $? > "$top/.status"; } | tee "$top/.tests"
  read -r status < "$top/.status"
  test "$status" = 0 || exit "$status"
  { echo "status: 0"; summarize_tests "$top/.tests"; } > "$check"
}
