# The generic builder: phases in order, each replaced by a variable of its name (configure_phase='…') or extended by
# variables before and after it (before_configure, after_configure). Flags are shell words.
#
#   unpack     $src, an archive or a directory, into the working directory
#   patch      $patches
#   configure  ./configure with $configure_flags, where there is one
#   build      make with $make_flags
#   check      make with $check_targets, where do_check=1
#   install    make with $install_targets and $make_flags
#   fixup      strip, remove .la files, normalise archives and gzip headers, rewrite shebangs, refuse paths in pieces
set -eu
: "${configure_flags=}" "${make_flags=}" "${build_targets=}" "${check_targets=check}" "${install_targets=install}"
: "${install_flags=}" "${check_flags=}" "${patches=}" "${patch_flags=-p1}" "${inputs=}" "${src=}" "${source_root=}"
: "${allow_cut_paths=}" "${do_check=}" "${do_strip=1}" "${prefix=$out}" "${outputs=out}" "${parallel=1}" "${configure_script=./configure}"
: "${phases=unpack patch configure build check install fixup}"
jobs=-j$HERMETICA_BUILD_CORES
test -n "$parallel" || jobs=-j1
export CONFIG_SHELL=/bin/sh

run() {
  echo "+ $*"
  "$@"
}

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
    run patch $patch_flags -i "$patch"
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
  test -z "$do_check" || eval "run make $jobs $make_flags $check_flags $check_targets"
}

default_install_phase() {
  eval "run make $make_flags $install_flags $install_targets"
}

default_fixup_phase() {
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
    rmdir "$root/share/info" "$root/share" 2>/dev/null || true
    test -n "$allow_cut_paths" || refuse_cut_paths "$root"
  done
}

# A compiler that copies a constant path in pieces leaves a path that no scan for references finds, and no rewriting mends.
refuse_cut_paths() {
  digests=
  for output in $outputs; do
    eval "digests=\"\$digests \$$output\""
  done
  set -- "$1" $digests $inputs
  root=$1
  shift
  for path do
    digest=${path#/hermetica/store/} digest=${digest%%-*} start=${digest%????????????????????}
    grep -raFl -e "$start" "$root" > .mention || continue
    while IFS= read -r file; do
      starts=$(grep -aoF -e "$start" "$file" | wc -l) wholes=$(grep -aoF -e "$digest" "$file" | wc -l)
      if test "$starts" != "$wholes"; then
        echo "$file holds the path $path in pieces, which hides a reference." >&2
        echo "Compile with -fno-builtin-memcpy, or set allow_cut_paths if the path is of no use at run time." >&2
        exit 1
      fi
    done < .mention
  done
  rm -f .mention
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
  rm .to-strip
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
  for input in $inputs; do
    if test -x "$input/bin/${interpreter##*/}"; then
      { echo "#!$input/bin/${interpreter##*/}${*:+ $*}"; tail -n +2 "$file"; } > .rewritten
      cat .rewritten > "$file"
      rm .rewritten
      return 0
    fi
  done
  echo "note: $file starts with ${magic}, which no declared input has"
}

for input in $inputs; do
  test ! -d "$input/bin" || PATH=$input/bin:$PATH
  test ! -d "$input/include" || C_INCLUDE_PATH=${C_INCLUDE_PATH:+$C_INCLUDE_PATH:}$input/include
  test ! -d "$input/lib" || LIBRARY_PATH=${LIBRARY_PATH:+$LIBRARY_PATH:}$input/lib
  test ! -d "$input/lib/pkgconfig" || PKG_CONFIG_PATH=${PKG_CONFIG_PATH:+$PKG_CONFIG_PATH:}$input/lib/pkgconfig
done
test -z "${C_INCLUDE_PATH-}" || export C_INCLUDE_PATH CPLUS_INCLUDE_PATH="$C_INCLUDE_PATH"
test -z "${LIBRARY_PATH-}" || export LIBRARY_PATH
test -z "${PKG_CONFIG_PATH-}" || export PKG_CONFIG_PATH
export PATH

for phase in $phases; do
  echo "@ $phase"
  eval "before=\${before_$phase-} after=\${after_$phase-} instead=\${${phase}_phase-}"
  test -z "$before" || eval "$before"
  if test -n "$instead"; then
    eval "$instead"
  else
    "default_${phase}_phase"
  fi
  test -z "$after" || eval "$after"
done
