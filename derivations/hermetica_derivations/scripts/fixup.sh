# What is installed, made the same on every day and free of what nobody needs at run time.
default_fixup_phase() {
  test -z "$do_split" || split_outputs
  write_propagation
  for output in $outputs; do
    eval "root=\$$output"
    test -d "$root" && ! test -L "$root" || continue
    find "$root" -type f -name '*.la' -exec rm -f {} +
    if test -n "$do_strip"; then
      strip_below "$root"
    fi
    find "$root" -type f -name '*.gz' | while IFS= read -r file; do
      gzip -dc "$file" > .normalised && gzip -9nc .normalised > "$file"
    done
    find "$root" -type f -perm -100 | while IFS= read -r file; do
      rewrite_shebang "$file"
    done
    test -n "$allow_cut_paths" || refuse_cut_paths "$root"
    test -n "$allow_dev_references" || refuse_dev_references "$output"
    note_build_directory "$root"
  done
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
  case $1 in dev|static|check) return 0 ;; esac
  if ! has_output dev && test -n "$propagated_inputs"; then
    return 0
  fi
  eval "root=\$$1"
  for path in $dev_inputs $(has_output dev && echo "$dev"); do
    digest_of "$path"
    if grep -raFl -e "$digest" "$root" > .mention; then
      echo "The output $1 refers to $path, which has headers and what else only compilers need:" >&2
      cat .mention >&2
      echo "Leave that path out of these files, or set allow_dev_references." >&2
      exit 1
    fi
  done
}

note_build_directory() {
  grep -raFl -e "$top/" "$1" > .mention || return 0
  while IFS= read -r file; do
    echo "note: $file mentions the directory of its build, $top"
  done < .mention
}

magic_of() {
  magic=
  IFS= read -r magic < "$1" 2>/dev/null || true
}

strip_below() {
  find "$1" -type f \( -name '*.so' -o -name '*.so.*' -o -name '*.a' -o -name '*.o' -o -perm -100 \) > .to-strip
  while IFS= read -r file; do
    magic_of "$file"
    case $file,$magic in
      *.a,'!<arch>'*) chmod u+w "$file"; strip -D --strip-debug "$file"; ranlib -D "$file" ;;
      *.o,*ELF*) chmod u+w "$file"; strip -D --strip-debug "$file" ;;
      *,*ELF*) chmod u+w "$file"; strip -D --strip-unneeded "$file" ;;
    esac
  done < .to-strip
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
