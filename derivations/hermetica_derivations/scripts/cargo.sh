# Phases of crates. Cargo has no network here: every crate of a registry comes from $vendored, which source replacement
# puts in place of the registry. Paths below $top are the same in every build, and cargo derives names from them.
: "${cargo_flags=}" "${cargo_test_flags=}" "${cargo_lock=}" "${crates=}"
vendored=$top/vendor
export CARGO_HOME="$top/.cargo" CARGO_TARGET_DIR="$top/target" CARGO_TERM_COLOR=never
# A crate's own .cargo/config.toml gives way to these, and what the recipe says comes after them.
export RUSTFLAGS="--remap-path-prefix=$top=. -C linker=cc${RUSTFLAGS:+ $RUSTFLAGS}"
export RUSTDOCFLAGS="-C linker=cc${RUSTDOCFLAGS:+ $RUSTDOCFLAGS}"

# A line of $crates has the directory of a crate, the SHA-256 of its archive, and the crate unpacked.
vendor_crates() {
  mkdir -p "$vendored" "$CARGO_HOME"
  echo "$crates" | while read -r directory checksum unpacked; do
    test -n "$directory" || continue
    cp -R "$unpacked" "$vendored/$directory"
    chmod -R u+w "$vendored/$directory"
    echo "{\"files\":{},\"package\":\"$checksum\"}" > "$vendored/$directory/.cargo-checksum.json"
  done
  cat > "$CARGO_HOME/config.toml" <<END
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "$vendored"
END
}

# What was checked against the pins is what cargo reads.
place_lock() {
  if test -n "$cargo_lock"; then
    if test -f Cargo.lock && ! cmp Cargo.lock "$cargo_lock"; then
      echo "The source has another Cargo.lock than the recipe, whose crates are there: give the recipe that of the source." >&2
      exit 1
    fi
    cp "$cargo_lock" Cargo.lock
    chmod u+w Cargo.lock
  elif ! test -f Cargo.lock; then
    run cargo generate-lockfile --offline
  fi
}

default_configure_phase() {
  vendor_crates
  place_lock
}

# The programs are set aside, as tests may build them again with the features that only tests want.
default_build_phase() {
  eval "run cargo build --release --frozen $jobs $cargo_flags"
  mkdir "$top/programs"
  find "$CARGO_TARGET_DIR/release" -maxdepth 1 -type f -perm -100 ! -name '*.so' -exec cp {} "$top/programs/" \;
}

default_check_phase() {
  eval "run cargo test --release --frozen $jobs $cargo_flags $cargo_test_flags"
}

default_install_phase() {
  set -- "$top"/programs/*
  if ! test -e "$1"; then
    echo "This crate has no program. Say what of it is of use in an install_phase; it was built in $CARGO_TARGET_DIR." >&2
    exit 1
  fi
  mkdir -p "$out/bin"
  cp "$@" "$out/bin/"
}

# One line a test, by name: ok name
summarize_tests() {
  sed -n 's/^test \(.*\) \.\.\. \(ok\|ignored\|FAILED\).*/\2 \1/p' "$1" | LC_ALL=C sort
}
