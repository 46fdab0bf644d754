# What is installed, made the same on every day and free of what nobody needs at run time.
default_fixup_phase() {
  test -z "$do_split" || split_outputs
  write_propagation
  for_each_tree list_binaries
  if test -n "$do_strip"; then
    strip_binaries
  fi
  if test -n "$fixup_tools"; then
    shrink_rpaths
    for_each_tree fix_times
  fi
  for_each_tree normalize
  for_each_tree refuse_and_note
}

# for_each_tree FUNCTION: calls it with each output that is a directory, and the output's name
for_each_tree() {
  for output in $outputs; do
    eval "root=\$$output"
    if test -d "$root" && ! test -L "$root"; then
      "$1" "$root" "$output"
    fi
  done
}

normalize() {
  find "$1" -type f -name '*.la' -exec rm -f {} +
  find "$1" -type f -name '*.gz' | while IFS= read -r file; do
    gzip -dc "$file" > .normalised && gzip -9nc .normalised > "$file"
  done
  find "$1" -type f -perm -100 | while IFS= read -r file; do
    rewrite_shebang "$file"
  done
}

refuse_and_note() {
  test -n "$allow_cut_paths" || refuse_cut_paths "$1"
  test -n "$allow_dev_references" || refuse_dev_references "$1" "$2"
  note_build_directory "$1"
}

magic_of() {
  magic=
  IFS= read -r magic < "$1" 2>/dev/null || true
}

# Three lists, of names that end with a zero: archives, objects for linkers, and what the loader loads.
list_binaries() {
  find "$1" -type f \( -name '*.so' -o -name '*.so.*' -o -name '*.a' -o -name '*.o' -o -perm -100 \) > .candidates
  while IFS= read -r file; do
    magic_of "$file"
    case $file,$magic in
      *.a,'!<arch>'*) printf '%s\0' "$file" >> .archives ;;
      *.o,?ELF*) printf '%s\0' "$file" >> .objects ;;
      *,?ELF*) printf '%s\0' "$file" >> .loadable ;;
      *) continue ;;
    esac
    chmod u+w "$file"
  done < .candidates
}

strip_binaries() {
  test ! -e .objects || xargs -0 strip -D --strip-debug < .objects
  test ! -e .loadable || xargs -0 strip -D --strip-unneeded < .loadable
  test ! -e .archives || xargs -0 strip -D --strip-debug < .archives
  test ! -e .archives || xargs -0 -n 1 ranlib -D < .archives
}

# An rpath is a reference, so directories of no use go; and a program whose library none has would not start.
shrink_rpaths() {
  test -e .loadable || return 0
  set --
  for input in $dlopen_inputs; do
    set -- "$@" -k "$input/lib"
  done
  xargs -0 "$fixup_tools/shrink-rpath" "$@" -- < .loadable > .rpaths
  grep -v '^missing ' .rpaths || true
  grep '^missing ' .rpaths > .missing || return 0
  cat .missing >&2
  test -z "$allow_missing_libraries" || return 0
  echo "These programs need libraries that no input has which they were linked against, and would not start." >&2
  echo "Declare them as inputs, or set allow_missing_libraries." >&2
  exit 1
}

fix_times() {
  find "$1" -type f \( -name '*.zip' -o -name '*.jar' -o -name '*.whl' -o -name '*.pyc' \) \
    -exec chmod u+w {} + -exec "$fixup_tools/fix-times" {} +
}

digest_of() {
  digest=${1#/hermetica/store/} digest=${digest%%-*}
}

# A compiler that copies a constant path in pieces leaves a path that no scan for references finds, and no rewriting mends.
refuse_cut_paths() {
  paths=$all_inputs
  for output in $outputs; do
    eval "paths=\"\$paths \$$output\""
  done
  for path in $paths; do
    digest_of "$path"
    echo "${digest%????????????????????}"
  done > .starts
  grep -raFl -f .starts "$1" > .mention || return 0
  while IFS= read -r file; do
    for path in $paths; do
      digest_of "$path"
      starts=$(grep -aoF -e "${digest%????????????????????}" "$file" | wc -l)
      wholes=$(grep -aoF -e "$digest" "$file" | wc -l)
      if test "$starts" != "$wholes"; then
        echo "$file holds the path $path in pieces, which hides a reference." >&2
        echo "Compile with -fno-builtin-memcpy, or set allow_cut_paths if the path is of no use at run time." >&2
        exit 1
      fi
    done
  done < .mention
}

# Who runs a program has no use for headers; a path of theirs in it would bring them all the same.
refuse_dev_references() {
  case $2 in dev|static|check) return 0 ;; esac
  if ! has_output dev && test -n "$propagated_inputs"; then
    return 0
  fi
  : > .digests
  for path in $dev_inputs $(has_output dev && echo "$dev"); do
    digest_of "$path"
    echo "$digest" >> .digests
  done
  test -s .digests && grep -raFl -f .digests "$1" > .mention || return 0
  echo "The output $2 refers to an output dev, which has headers and what else only compilers need:" >&2
  while IFS= read -r file; do
    echo "  $file: $(grep -aoF -f .digests "$file" | sort -u | tr '\n' ' ')" >&2
  done < .mention
  echo "Leave these paths out of these files, or set allow_dev_references." >&2
  exit 1
}

note_build_directory() {
  grep -raFl -e "$top/" "$1" > .mention || return 0
  while IFS= read -r file; do
    echo "note: $file mentions the directory of its build, $top"
  done < .mention
}

rewrite_shebang() {
  magic_of "$1"
  case $magic in '#!'*) ;; *) return 0 ;; esac
  set -- "$1" ${magic#??}
  file=$1 interpreter=${2-}
  case $interpreter in
    /hermetica/store/*|'') return 0 ;;
    */env) shift 2; case ${1-} in -S) shift ;; esac; interpreter=${1-} ;;
    *) shift 2; set -- "$interpreter" "$@" ;;
  esac
  test $# -gt 0 || return 0
  shift
  for input in $all_inputs "$out"; do
    if test -x "$input/bin/${interpreter##*/}"; then
      { echo "#!$input/bin/${interpreter##*/}${*:+ $*}"; tail -n +2 "$file"; } > .rewritten
      cat .rewritten > "$file"
      return 0
    fi
  done
  echo "note: $file starts with ${magic}, which no declared input has"
}
